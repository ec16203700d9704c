// How far autograding is, asked for once a second while something is graded; and the button for all that is new.
(function () {
    var address = base_url + "/formgrader/api/assignment/" + encodeURIComponent(assignment_id) + "/autograde";
    var timer = null;
    var wasAtWork = false;

    function count(n, what) {
        return n + " " + what + (n === 1 ? "" : "s");
    }

    function show(found) {
        var waiting = found.runs.filter(function (run) { return run.state === "waiting"; });
        var atWork = found.runs.filter(function (run) { return run.state === "at work"; })[0];
        var ended = found.runs.filter(function (run) { return run.state === "ended"; })[0];
        var busy = Boolean(atWork || waiting.length);
        var queued = waiting.reduce(function (sum, run) { return sum + run.students; }, 0);
        var said = [];
        if (atWork) {
            said.push("Autograding: " + atWork.done + " of " + count(atWork.students, "submission") + " done, " +
                (atWork.at ? "now " + atWork.at : atWork.done ? "grading" : "starting") + ", " + Math.round(atWork.seconds) + " s");
        }
        if (waiting.length) {
            said.push(count(queued, "submission") + " waiting" + (atWork ? "" : " for another assignment"));
        }
        if (!busy && ended) {
            said.push(ended.success
                ? "Autograded: " + count(ended.students, "submission") + " in " + Math.round(ended.seconds) + " s"
                : "Autograding ended with an error after " + Math.round(ended.seconds) + " s; below is what nbgrader said");
        } else if (!busy) {
            said.push(found.new ? count(found.new, "submission") + " not autograded yet" : "All is autograded");
        }
        $("#autograding-state").text(said.join("; "));
        $("#autograde-new").prop("disabled", busy || !found.new);
        $("#autograding-bar").toggle(busy);
        if (atWork) {
            var percent = Math.round(100 * atWork.done / Math.max(1, atWork.students));
            $("#autograding-bar .progress-bar").css("width", percent + "%").text(atWork.done + " / " + atWork.students);
        }
        $("#autograding-log").toggle(Boolean(!busy && ended && !ended.success)).text(ended && ended.log || "");
        if (wasAtWork && !busy && models && models.loaded) {
            models.each(function (model) { model.fetch(); });
        }
        wasAtWork = busy;
        clearTimeout(timer);
        if (busy) timer = setTimeout(ask, 1000);
    }

    function ask() {
        var token = {"X-CSRFToken": getCookie("_xsrf")};  // JupyterHub wants it even of those who only ask
        $.ajax({url: address, dataType: "json", headers: token}).done(show).fail(function (answer) {
            var plain = /^text\/plain/.test(answer.getResponseHeader("Content-Type"));
            $("#autograding-state").text(plain ? answer.responseText : "The server does not answer; asking again");
            timer = setTimeout(ask, 5000);
        });
    }

    $(window).on("load", function () {
        $("#autograde-new").click(function () {
            $(this).prop("disabled", true);
            $.post(address).done(function (found) { show(typeof found === "string" ? JSON.parse(found) : found); }).fail(ask);
        });
        $("#main-table").on("click", ".autograde a", function () { setTimeout(ask, 200); });
        ask();
    });
})();

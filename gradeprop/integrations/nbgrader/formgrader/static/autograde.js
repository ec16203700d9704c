// The progress of autograding, asked for once a second while something is graded, and the button for new submissions.
(function () {
    var address = base_url + "/formgrader/api/assignment/" + encodeURIComponent(assignment_id) + "/autograde";
    var timer = null;
    var wasBusy = false;

    function count(n, noun) {
        return n + " " + noun + (n === 1 ? "" : "s");
    }

    function show(answer) {
        var waiting = answer.runs.filter(function (run) { return run.state === "waiting"; });
        var running = answer.runs.filter(function (run) { return run.state === "running"; })[0];
        var ended = answer.runs.filter(function (run) { return run.state === "ended"; })[0];
        var busy = Boolean(running || waiting.length);
        var queued = waiting.reduce(function (sum, run) { return sum + run.students; }, 0);
        var parts = [];
        if (running) {
            parts.push("Autograding: " + running.done + " of " + count(running.students, "submission") + " done, " +
                (running.current ? "now " + running.current : running.done ? "grading" : "starting") + ", " +
                Math.round(running.seconds) + " s");
        }
        if (waiting.length) {
            parts.push(count(queued, "submission") + " waiting" + (running ? "" : " for another assignment to finish"));
        }
        if (!busy && ended) {
            parts.push(ended.success
                ? "Autograded: " + count(ended.students, "submission") + " in " + Math.round(ended.seconds) + " s"
                : "Autograding ended with an error after " + Math.round(ended.seconds) + " s; nbgrader's log is below");
        } else if (!busy) {
            parts.push(answer.new ? count(answer.new, "submission") + " not autograded yet" : "Everything is autograded");
        }
        $("#autograding-state").text(parts.join("; "));
        $("#autograde-new").prop("disabled", busy || !answer.new);
        $("#autograding-bar").toggle(busy);
        if (running) {
            var percent = Math.round(100 * running.done / Math.max(1, running.students));
            $("#autograding-bar .progress-bar").css("width", percent + "%").text(running.done + " / " + running.students);
        }
        $("#autograding-log").toggle(Boolean(!busy && ended && !ended.success)).text(ended && ended.log || "");
        if (wasBusy && !busy && models && models.loaded) {
            models.each(function (model) { model.fetch(); });
        }
        wasBusy = busy;
        clearTimeout(timer);
        if (busy) timer = setTimeout(ask, 1000);
    }

    function ask() {
        var token = {"X-CSRFToken": getCookie("_xsrf")};  // JupyterHub requires it for GET, too
        $.ajax({url: address, dataType: "json", headers: token}).done(show).fail(function (answer) {
            var plain = /^text\/plain/.test(answer.getResponseHeader("Content-Type"));
            $("#autograding-state").text(plain ? answer.responseText : "The server is not responding; retrying");
            timer = setTimeout(ask, 5000);
        });
    }

    $(window).on("load", function () {
        $("#autograde-new").click(function () {
            $(this).prop("disabled", true);
            $.post(address).done(function (data) { show(typeof data === "string" ? JSON.parse(data) : data); }).fail(ask);
        });
        $("#main-table").on("click", ".autograde a", function () { setTimeout(ask, 200); });
        ask();
    });
})();

{#- formgrader's own page, with the progress of autograding above its table -#}
{%- extends 'manage_submissions.tpl' -%}

{%- block head -%}
{{ super() }}
<script src="{{ base_url }}/formgrader/gradeprop/autograde.js"></script>
{%- endblock head -%}

{%- block messages -%}
<div class="panel panel-default" id="autograding">
  <div class="panel-body">
    <button class="btn btn-primary" id="autograde-new" disabled>Autograde new submissions</button>
    <span id="autograding-state" role="status" aria-live="polite" style="margin-left: 1em"></span>
    <div class="progress" id="autograding-bar" style="display: none; margin: 1em 0 0">
      <div class="progress-bar progress-bar-striped active" role="progressbar" style="min-width: 3em"></div>
    </div>
    <pre id="autograding-log" style="display: none; margin: 1em 0 0; max-height: 20em; overflow: auto"></pre>
  </div>
</div>
{%- if unattributed %}
<div class="panel panel-warning" id="unattributed">
  <div class="panel-heading">{{ unattributed|length }} {{ "submission belongs" if unattributed|length == 1 else "submissions belong" }} to no student yet: grade each one with <code>gradeprop grade {{ assignment_id }} PATH --student NAME</code></div>
  <ul class="list-group">
    {%- for entry in unattributed %}
    <li class="list-group-item">{{ entry.reason }}<br><small>{{ entry.path }}</small></li>
    {%- endfor %}
  </ul>
</div>
{%- endif %}
{%- endblock -%}

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { allMetrics, observabilityDocument } from "../../scripts/observability-document.ts";
import { prometheusName, prometheusText } from "../../src/telemetry/prometheus-text.ts";
import { startAccessGateway } from "../access/access-gateway.ts";
import { temporaryFolder } from "../support/gateway.ts";

const root = path.join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const alertsFile = path.join(root, "deploy/prometheus/alerts.yaml");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

const rules = (parse(read("deploy/prometheus/alerts.yaml")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(read("deploy/grafana/livellm.json")) as Dashboard;
const charts = dashboard.panels.filter(({ type }) => type !== "row");
const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...charts.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
];

/** What Prometheus adds to what it scrapes, and what a quantile is taken over. */
const scrapeLabels = ["job", "instance", "le", "livellm_worker"];
const functions = [
  ...["rate", "increase", "sum", "min", "max", "count", "topk", "histogram_quantile", "resets", "absent", "time"],
  ...["by", "and"],
];

/** The labels of each series that there is, by its name in Prometheus. */
const series = new Map<string, ReadonlySet<string>>([["up", new Set()]]);
const samplesOf = { counter: [""], gauge: [""], histogram: ["_bucket", "_sum", "_count"] };

beforeAll(async () => {
  for (const metric of await allMetrics()) {
    const labels = metric.attributeNames.map((name) => name.replaceAll(/[^A-Za-z0-9_]/g, "_"));
    for (const suffix of samplesOf[metric.type]) series.set(prometheusName(metric) + suffix, new Set(labels));
  }
});

/** Every name of a metric in an expression, with the labels that it is asked by. */
function metricsIn(expression: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const plain = expression.replaceAll(/\[[^\]]*\]/g, "").replaceAll(/\bby \([^)]*\)/g, "by");
  return [...plain.matchAll(/\b([a-z_][a-z0-9_]*)(?:\{([^}]*)\})?/g)]
    .map(([, name = "", matchers = ""]) => ({
      name,
      labels: [...matchers.matchAll(/([a-z_]\w*)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
    }))
    .filter(({ name }) => !functions.includes(name) && !plain.includes(`"${name}`))
    .filter(({ name }) => !isInsideBraces(plain, name));
}

function isInsideBraces(plain: string, name: string): boolean {
  return !plain.replaceAll(/\{[^}]*\}/g, "").match(new RegExp(`\\b${name}\\b`));
}

function groupedBy(expression: string): readonly string[] {
  return [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/,\s*/));
}

describe("the alerts and the dashboard", () => {
  test("are there", () => {
    expect(rules.length).toBeGreaterThan(8);
    expect(charts.length).toBeGreaterThan(20);
  });

  test.each(expressions)("%s asks for series and labels that a server has", (_, expression) => {
    const found = metricsIn(expression);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ name }) => !series.has(name))).toEqual([]);
    const known = new Set([...found.flatMap(({ name }) => [...(series.get(name) ?? [])]), ...scrapeLabels]);
    const asked = [...found.flatMap(({ labels }) => labels), ...groupedBy(expression)];
    expect(asked.filter((label) => !known.has(label))).toEqual([]);
  });

  test("the check finds a series and a label that are not there", () => {
    const wrong = metricsIn('sum by (nowhere) (rate(livellm_no_such_total{a="b"}[5m])) / livellm_calls_active');
    expect(wrong).toEqual([
      { name: "livellm_no_such_total", labels: ["a"] },
      { name: "livellm_calls_active", labels: [] },
    ]);
    expect(groupedBy("sum by (nowhere, x) (y)")).toEqual(["nowhere", "x"]);
  });

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s says how bad it is, and what to look at",
    (_, rule) => {
      expect(rule.labels.severity).toMatch(/^(critical|warning)$/);
      expect(rule.annotations.summary.length * rule.annotations.description.length).toBeGreaterThan(0);
    },
  );

  test.each(charts.map((panel) => [panel.title, panel] as const))(
    "the legend of %s names labels it has",
    (_, panel) => {
      for (const { expr, legendFormat } of panel.targets ?? []) {
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
        const kept = expr.includes(" by (") ? groupedBy(expr) : scrapeLabels;
        expect(named.filter((label) => !kept.includes(label))).toEqual([]);
      }
    },
  );

  test("every metric of the server's own is in a chart or an alert", () => {
    const used = new Set(expressions.flatMap(([, expression]) => metricsIn(expression).map(({ name }) => name)));
    const shown = [...series.keys()].filter((name) => name.startsWith("livellm_") || name.startsWith("gen_ai_"));
    const families = new Set(shown.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    const usedFamilies = new Set([...used].map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    expect([...families].filter((name) => !usedFamilies.has(name))).toEqual([]);
  });
});

test("docs/observability.md has the metrics that a server has; scripts/observability-document.ts writes them", async () => {
  const { is, shouldBe } = await observabilityDocument();
  expect(is).toBe(shouldBe);
});

describe("as Prometheus's own tool sees it", () => {
  const promtool = (args: readonly string[], input = "") => spawnSync("promtool", args, { input, encoding: "utf8" });
  const missing = promtool(["--version"]).status !== 0;
  if (missing && process.env.CI) throw new Error("promtool is missing: install Debian's package prometheus");

  test.skipIf(missing)("the alerts are rules", () => {
    const { status, stdout, stderr } = promtool(["check", "rules", alertsFile]);
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining(`${rules.length} rules found`)]);
  });

  const calls = (code: string) =>
    `rpc_server_call_duration_seconds_count{instance="a",rpc_response_status_code="${code}"}`;
  const attempts = (provider: string, outcome: string, reason: string) =>
    `livellm_attempts_total{livellm_provider_id="${provider}",gen_ai_request_model="m",livellm_outcome="${outcome}",error_type="${reason}"}`;
  const up = `up{job="livellm",instance="a"}`;
  /** What there is to see for half an hour, a value a minute, and which alerts are on after 27 minutes of it; 80 where it is longer. */
  const nights: readonly (readonly [
    name: string,
    seen: Readonly<Record<string, string>>,
    alerts: readonly string[],
  ])[] = [
    ["nothing", { [up]: "1x30" }, []],
    [
      "two calls of a quiet night fail",
      { [up]: "1x30", [calls("ok")]: "7+0x30", [calls("internal")]: "0x20 1 1 1 2x10" },
      [],
    ],
    ["calls fail", { [up]: "1x30", [calls("ok")]: "0+60x30", [calls("unavailable")]: "0+10x30" }, ["LivellmCallsFail"]],
    ["a server is away", { [up]: "0x30" }, ["LivellmDown"]],
    ["all servers are away", { 'up{job="other"}': "1x30" }, ["LivellmMissing"]],
    [
      "a provider refuses its key",
      { [up]: "1x30", [attempts("openai", "failed", "provider_auth")]: "0+2x30" },
      ["LivellmProviderFails"],
    ],
    [
      "callers ask for models that there are not, and bring providers that do not work",
      {
        [up]: "1x30",
        [attempts("openai", "failed", "model_not_found")]: "0+2x30",
        [attempts("inline", "failed", "network")]: "0+2x30",
      },
      [],
    ],
    [
      "a certificate ends",
      { [up]: "1x90", livellm_tls_certificate_not_after_seconds: "86400x90" },
      ["LivellmCertificateEnds"],
    ],
  ];
  test.skipIf(missing).each(nights)("when %s", (_, seen, expected) => {
    const isSlow = expected.includes("LivellmCertificateEnds");
    const file = path.join(temporaryFolder(), "night.yaml");
    const unit = {
      interval: "1m",
      input_series: Object.entries(seen).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: rules.map(({ alert }) => ({
        eval_time: isSlow ? "80m" : "27m",
        alertname: alert,
        // None is expected of any, so that promtool names those that are on.
        exp_alerts: [],
      })),
    };
    writeFileSync(file, stringify({ rule_files: [alertsFile], evaluation_interval: "1m", tests: [unit] }));
    const { stdout, stderr } = promtool(["test", "rules", file]);
    rmSync(path.dirname(file), { recursive: true });
    const on = [...(stdout + stderr).matchAll(/alertname: (\w+), time: \w+,\s+exp:\[\s*\],\s+got:\[/g)].map(
      ([, alert]) => alert,
    );
    expect(on, stdout + stderr).toEqual(expected);
  });

  test.skipIf(missing)("the expressions of the dashboard are PromQL", () => {
    const file = path.join(temporaryFolder(), "dashboard.yaml");
    const recorded = charts.flatMap(({ targets = [] }) => targets).map(({ expr }, i) => recordingRule(expr, i));
    writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules: recorded }] }));
    const { status, stdout, stderr } = promtool(["check", "rules", file]);
    rmSync(path.dirname(file), { recursive: true });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });

  test.skipIf(missing)("what /metrics answers after calls is in order", async () => {
    await using gateway = await startAccessGateway({});
    const targets = [{ provider: "local", model: "echo" }];
    await gateway.call("AgentService/Run", { route: { targets }, messages: [{ text: "a word" }] });
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const { status, stderr } = promtool(["check", "metrics"], text);
    expect([status, stderr]).toEqual([0, ""]);
  });

  const recordingRule = (expression: string, i: number) => ({
    record: `dashboard:expression${i}`,
    expr: expression.replaceAll("$__rate_interval", "5m").replaceAll("$job", "livellm").replaceAll("$instance", ".*"),
  });
});

test("what a label holds is escaped, so that it stays one line", () => {
  const metric = { name: "m", unit: "1", description: "A\nB", attributeNames: ["a"], type: "gauge" as const };
  const points = [{ attributes: { a: 'x"\\\n}' }, value: 1 }];
  expect(prometheusText([{ ...metric, points }])).toBe(
    '# HELP m_ratio A\\nB\n# TYPE m_ratio gauge\nm_ratio{a="x\\"\\\\\\n}"} 1\n',
  );
});

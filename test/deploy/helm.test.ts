import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readConfig } from "../../src/config.ts";
import { variables } from "../../src/environment.ts";
import { describeWith, helm } from "../support/foreign-tools.ts";
import { run } from "../support/process.ts";

const chart = path.join(import.meta.dirname, "../../deploy/helm/livellm");
const alerts = path.join(import.meta.dirname, "../../deploy/prometheus/alerts.yaml");
const metrics = path.join(import.meta.dirname, "../../docs/observability.md");
const secrets = [
  "secrets.LIVELLM_ADMIN_TOKEN=an-administrators-token",
  "secrets.LIVELLM_MASTER_KEY=00ff",
  "secrets.DATABASE_URL=postgres://livellm@database/livellm",
];
const everything = [
  ...secrets,
  "autoscaling.enabled=true",
  "configuration=providers: []",
  "environment.LIVELLM_SURFACES=livellm",
  "ingress.enabled=true",
  "persistence.enabled=true",
  "podLabels.team=voice",
  "serviceMonitor.enabled=true",
  "tls.clientCertificates=true",
  "tls.secretName=certificate",
];

// biome-ignore lint/suspicious/noExplicitAny: rendered Kubernetes objects of many kinds, asserted field by field
type Rendered = any;

function runHelm(command: readonly string[], values: readonly string[]) {
  const set = values.flatMap((value) => [/=(true|false|\d+)$/.test(value) ? "--set" : "--set-string", value]);
  const args = [...command, ...set, "--kube-version", "1.33.0"];
  return run(helm.program, args, { env: process.env, timeoutMs: 60_000 });
}

/** The objects that the chart makes, by kind. */
async function render(values: readonly string[]): Promise<Record<string, Rendered>> {
  const { code, stdout, stderr } = await runHelm(["template", "release", chart], values);
  expect(code, stderr).toBe(0);
  const objects = parseAllDocuments(stdout).map((document): Rendered => document.toJS());
  return Object.fromEntries(objects.filter(Boolean).map((object) => [object.kind, object]));
}

describeWith(helm, "the chart", () => {
  test("passes helm lint", async () => {
    const { code, stdout } = await runHelm(["lint", chart, "--strict"], everything);
    expect(code, stdout).toBe(0);
  });

  test("runs the gateway so that it may write nothing but its data", async () => {
    const { Deployment } = await render(secrets);
    const { spec } = Deployment.spec.template;
    const [container] = spec.containers;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.volumeMounts.map(({ mountPath }: Rendered) => mountPath)).toEqual(["/data", "/tmp"]);
    expect(spec.automountServiceAccountToken).toBe(false);
  });

  test.each([
    ["the least that it needs", secrets],
    ["everything switched on", everything],
  ])("sets variables that the gateway knows: %s", async (_, values) => {
    const { Deployment } = await render(values);
    const [container] = Deployment.spec.template.spec.containers;
    const names = container.env.map(({ name }: Rendered) => name);
    expect(names).toContain("LIVELLM_DRAIN_DELAY_MS");
    expect(names.filter((name: string) => !(name in variables))).toEqual([]);
  });

  test("lets a variable of the operator's take the place of its own", async () => {
    const { Deployment } = await render([...secrets, "environment.LIVELLM_MAX_CONNECTION_AGE_MS=14400000"]);
    const { env } = Deployment.spec.template.spec.containers[0];
    const names = env.map(({ name }: Rendered) => name);
    expect(new Set(names).size).toBe(names.length);
    const { value } = env.find(({ name }: Rendered) => name === "LIVELLM_MAX_CONNECTION_AGE_MS");
    expect(readConfig({ LIVELLM_MAX_CONNECTION_AGE_MS: value }).connectionLimits.maxConnectionAgeMs).toBe(14_400_000);
  });

  test("lets a replica that has much to do answer late, and one that waits for its database say so", async () => {
    const [container] = (await render(secrets)).Deployment.spec.template.spec.containers;
    const { startupProbe: starts, livenessProbe: lives, readinessProbe: ready } = container;
    expect(starts.periodSeconds * starts.failureThreshold * 1000).toBeGreaterThan(
      readConfig({}).databaseStartTimeoutMs + 10_000,
    );
    expect(lives.periodSeconds * lives.failureThreshold).toBeGreaterThanOrEqual(60);
    for (const probe of [starts, lives, ready]) expect(probe.timeoutSeconds).toBeGreaterThanOrEqual(5);
  });

  test("is scraped as the job that the alerts ask for, with a token that may do nothing else", async () => {
    const { ServiceMonitor, Service, Secret } = await render([
      ...everything,
      "secrets.LIVELLM_METRICS_TOKEN=a-token-for-metrics",
      "serviceMonitor.tlsConfig.serverName=gateway",
    ]);
    const { jobLabel, endpoints } = ServiceMonitor.spec;
    expect(readFileSync(alerts, "utf8")).toContain(`job="${Service.metadata.labels[jobLabel]}"`);
    const { name, key } = endpoints[0].authorization.credentials;
    expect([name, Secret.stringData[key]]).toEqual([Secret.metadata.name, "a-token-for-metrics"]);
    expect(endpoints[0].tlsConfig).toEqual({ serverName: "gateway" });
  });

  test("gives a replica the time to leave that it promises to its calls", async () => {
    const { Deployment } = await render([...secrets, "shutdown.drainDelaySeconds=7", "shutdown.graceSeconds=90"]);
    const { spec } = Deployment.spec.template;
    const value = (name: string) => spec.containers[0].env.find((entry: Rendered) => entry.name === name).value;
    expect([value("LIVELLM_DRAIN_DELAY_MS"), value("LIVELLM_SHUTDOWN_GRACE_MS")]).toEqual(["7000", "90000"]);
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(97);
  });

  test("asks the gateway itself whether it is ready", async () => {
    const plain = (await render(secrets)).Deployment.spec.template.spec.containers[0];
    expect(plain.readinessProbe).toMatchObject({ grpc: { port: 8000 } });
    expect(plain.livenessProbe).toMatchObject({ httpGet: { path: "/ping" } });
    const secure = (await render(everything)).Deployment.spec.template.spec.containers[0];
    expect(secure.readinessProbe.exec.command).toEqual(["node", "bin/livellm.js", "healthcheck"]);
    expect(secure.livenessProbe).toMatchObject({ tcpSocket: { port: 8000 } });
  });

  test("selects the same pods everywhere", async () => {
    const objects = await render(everything);
    const labels = objects.Deployment.spec.template.metadata.labels;
    expect(labels).toMatchObject({ team: "voice" });
    const selectors = [
      objects.Deployment.spec.selector.matchLabels,
      objects.Service.spec.selector,
      objects.PodDisruptionBudget.spec.selector.matchLabels,
      objects.NetworkPolicy.spec.podSelector.matchLabels,
      objects.ServiceMonitor.spec.selector.matchLabels,
    ];
    for (const selector of selectors) expect(labels).toMatchObject(selector);
    expect(new Set(selectors.map((selector) => JSON.stringify(selector))).size).toBe(1);
  });

  test("scales by open streams and CPU, and leaves the number of replicas to the autoscaler", async () => {
    const { Deployment, HorizontalPodAutoscaler } = await render(everything);
    expect(Deployment.spec.replicas).toBeUndefined();
    expect(HorizontalPodAutoscaler.spec.scaleTargetRef.name).toBe(Deployment.metadata.name);
    const [streams, cpu] = HorizontalPodAutoscaler.spec.metrics;
    expect(readFileSync(metrics, "utf8")).toContain(`\`${streams.pods.metric.name}\``);
    expect(cpu.resource.name).toBe("cpu");
  });

  test.each([
    ["several replicas without a PostgreSQL", secrets.slice(0, 2), /PostgreSQL/],
    ["several replicas without a master key", [secrets[0] ?? "", secrets[2] ?? ""], /LIVELLM_MASTER_KEY/],
    ["a network without a token", secrets.slice(1), /LIVELLM_ADMIN_TOKEN/],
    ["another port than its probes ask", [...secrets, "environment.PORT=9000"], /service\.port/],
    ["a value that it does not know", [...secrets, "replica=3"], /'replica' not allowed/],
  ])("refuses %s", async (_, values, reason) => {
    const { code, stderr } = await runHelm(["template", "release", chart], values);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(reason);
  });
});

import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/config.ts";

type Variables = Readonly<Record<string, string>>;

const settingsOf = (environment: Variables) => readConfig(environment).telemetry;
const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

describe("nothing is exported", () => {
  const nothing: readonly Variables[] = [
    {},
    { OTEL_SERVICE_NAME: "name", OTEL_TRACES_SAMPLER: "always_on" },
    { OTEL_EXPORTER_OTLP_HEADERS: "a=b" },
    { ...collector, OTEL_SDK_DISABLED: "true" },
    { ...collector, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "prometheus" },
  ];
  test.each(nothing)("with %j", (environment) => {
    const { traces, metrics } = settingsOf(environment);
    expect([traces, metrics]).toEqual([undefined, undefined]);
  });
});

describe("an endpoint", () => {
  test("gets traces and metrics, each at its path", () => {
    const { traces, metrics } = settingsOf(collector);
    expect(traces?.export).toMatchObject({ protocol: "http/protobuf", url: "http://collector:4318/v1/traces" });
    expect(metrics?.export).toMatchObject({ protocol: "http/protobuf", url: "http://collector:4318/v1/metrics" });
  });

  test("is taken as it is by gRPC", () => {
    const { traces } = settingsOf({ ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
    expect(traces?.export).toMatchObject({ protocol: "grpc", url: "http://collector:4318" });
  });

  test("of one kind is taken as it is, and is for that kind alone", () => {
    const { traces, metrics } = settingsOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/any/path" });
    expect([traces?.export.url, metrics]).toEqual(["https://traces/any/path", undefined]);
  });

  test.each([
    ["http/protobuf", "http://localhost:4318/v1/traces"],
    ["grpc", "http://localhost:4317"],
  ])("that nobody names is this machine's, for %s", (protocol, url) => {
    const environment = { OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol };
    expect(settingsOf(environment).traces?.export.url).toBe(url);
  });
});

test("headers of both and of one kind are put together, and do not show", () => {
  const { traces } = settingsOf({
    ...collector,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20canary-1, x-team=voice",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-team=traces",
  });
  const headers = Object.entries(traces?.export.headers ?? {}).map(([name, value]) => [name, value.reveal()]);
  expect(headers).toEqual([
    ["authorization", "Bearer canary-1"],
    ["x-team", "traces"],
  ]);
  expect(JSON.stringify(traces)).not.toContain("canary");
});

test("what a server is called is the service name, else what its attributes say, else livellm", () => {
  const attributes = { OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=a%2Cb" };
  expect(settingsOf({}).resource).toEqual({ "service.name": "livellm" });
  expect(settingsOf(attributes).resource).toEqual({
    "service.name": "other",
    "deployment.environment.name": "a,b",
  });
  expect(settingsOf({ ...attributes, OTEL_SERVICE_NAME: "mine" }).resource["service.name"]).toBe("mine");
});

test.each([
  ["always_on", "0.1", { parentBased: false, ratio: 1 }],
  ["always_off", "0.1", { parentBased: false, ratio: 0 }],
  ["traceidratio", "0.1", { parentBased: false, ratio: 0.1 }],
  ["parentbased_always_on", "0.1", { parentBased: true, ratio: 1 }],
  ["parentbased_always_off", "0.1", { parentBased: true, ratio: 0 }],
  ["parentbased_traceidratio", "0.25", { parentBased: true, ratio: 0.25 }],
])("the sampler %s", (name, argument, sampler) => {
  const environment = { ...collector, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
  expect(settingsOf(environment).traces?.sampler).toEqual(sampler);
});

test.each([
  ["OTEL_EXPORTER_OTLP_HEADERS", "canary-without-a-key"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary%"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "canary:4317"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "http/canary"],
  ["OTEL_TRACES_EXPORTER", "canary"],
  ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
])("%s that cannot be used is named, and its value is not", (name, value) => {
  expect(() => settingsOf({ [name]: value })).toThrow(name);
  expect(() => settingsOf({ [name]: value })).not.toThrow("canary");
});

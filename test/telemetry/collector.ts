import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the root of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client";
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly failed: boolean;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly { readonly attributes: Readonly<Record<string, unknown>>; readonly value: number }[];
}

/** A collector that keeps what it is sent: OTLP over gRPC, and over HTTP in protobuf, each on a port of its own. */
export interface Collector extends AsyncDisposable {
  readonly grpcUrl: string;
  readonly httpUrl: string;
  readonly spans: readonly ReceivedSpan[];
  /** The last that came of each name. */
  readonly metrics: ReadonlyMap<string, ReceivedMetric>;
  /** The headers, or metadata, of every export. */
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  /** Everything that came, as text, for looking for what must not be in it. */
  text(): string;
  /** Resolves when there is a span of this name. */
  span(name: string): Promise<ReceivedSpan>;
}

const definitions = protoLoader.loadSync(path.join(import.meta.dirname, "otlp/otlp.proto"), {
  longs: Number,
  oneofs: true,
  defaults: true,
});
const exporting = definitions["opentelemetry.proto.collector.Export"] as protoLoader.ServiceDefinition;
const traces = exporting.Traces as protoLoader.MethodDefinition<object, object>;
const metrics = exporting.Metrics as protoLoader.MethodDefinition<object, object>;

export async function startCollector(): Promise<Collector> {
  const kept = new Kept();
  const grpcServer = await startGrpc(kept);
  const http = await startHttp(kept);
  return {
    grpcUrl: grpcServer.url,
    httpUrl: http.url,
    spans: kept.spans,
    metrics: kept.metrics,
    headers: kept.headers,
    text: () => kept.text(),
    span: (name) => kept.span(name),
    async [Symbol.asyncDispose]() {
      grpcServer.stop();
      await http.stop();
    },
  };
}

class Kept {
  readonly spans: ReceivedSpan[] = [];
  readonly metrics = new Map<string, ReceivedMetric>();
  readonly headers: Readonly<Record<string, unknown>>[] = [];
  readonly #raw: string[] = [];
  readonly #waiting = new Set<() => void>();

  add(kind: "traces" | "metrics", request: object, headers: Readonly<Record<string, unknown>>): void {
    this.headers.push(headers);
    this.#raw.push(JSON.stringify(request));
    if (kind === "traces") this.spans.push(...spansOf(request as TraceRequest));
    else for (const metric of metricsOf(request as MetricRequest)) this.metrics.set(metric.name, metric);
    for (const look of this.#waiting) look();
  }

  text(): string {
    return this.#raw.join("\n");
  }

  span(name: string): Promise<ReceivedSpan> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.spans.find((span) => span.name === name);
        if (!found) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

async function startGrpc(kept: Kept) {
  const server = new grpc.Server();
  const service = (path: string, method: protoLoader.MethodDefinition<object, object>) => ({
    Export: { ...method, path } as unknown as grpc.MethodDefinition<object, object>,
  });
  const keep = (kind: "traces" | "metrics"): grpc.handleUnaryCall<object, object> => {
    return ({ request, metadata }, answer) => {
      kept.add(kind, request, metadata.getMap());
      answer(null, {});
    };
  };
  const prefix = "/opentelemetry.proto.collector";
  server.addService(service(`${prefix}.trace.v1.TraceService/Export`, traces), { Export: keep("traces") });
  server.addService(service(`${prefix}.metrics.v1.MetricsService/Export`, metrics), { Export: keep("metrics") });
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

async function startHttp(kept: Kept) {
  const server = createServer(async (request, response) => {
    const raw = Buffer.concat(await request.toArray());
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
    const kind = request.url === "/v1/traces" ? "traces" : request.url === "/v1/metrics" ? "metrics" : undefined;
    if (kind === undefined || request.headers["content-type"] !== "application/x-protobuf") {
      response.writeHead(404).end();
      return;
    }
    kept.add(kind, (kind === "traces" ? traces : metrics).requestDeserialize(body), request.headers);
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly value: string } & Readonly<Record<string, unknown>>;
}

interface TraceRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly KeyValue[] }[];
  readonly status: { readonly code: number } | null;
}

const kinds = ["internal", "internal", "server", "client"] as const;

function spansOf({ resourceSpans }: TraceRequest): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId.toString("hex"),
        spanId: span.spanId.toString("hex"),
        parentSpanId: span.parentSpanId.toString("hex"),
        name: span.name,
        kind: kinds[span.kind] ?? "internal",
        attributes: recordOf(span.attributes),
        events: span.events.map(({ name, attributes }) => ({ name, attributes: recordOf(attributes) })),
        failed: span.status?.code === 2,
        resource: recordOf(resource.attributes),
      })),
    ),
  );
}

function recordOf(attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: KeyValue["value"]): unknown {
  const given = value[value.value];
  if (value.value !== "arrayValue") return given;
  return (given as { readonly values: readonly KeyValue["value"][] }).values.map(plainValue);
}

interface MetricRequest {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly WireMetric[] }[];
  }[];
}

interface WirePoint {
  readonly attributes: readonly KeyValue[];
  readonly asDouble?: number;
  readonly asInt?: number;
  readonly count?: number;
}

type WireMetric = { readonly name: string; readonly unit: string; readonly data: string } & Readonly<
  Record<string, { readonly dataPoints: readonly WirePoint[] }>
>;

/** Of a histogram its count. */
function metricsOf({ resourceMetrics }: MetricRequest): readonly ReceivedMetric[] {
  const all = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: those }) => those));
  return all.map((metric) => {
    const points = metric[metric.data]?.dataPoints ?? [];
    const value = ({ asDouble, asInt, count }: WirePoint) => asDouble ?? asInt ?? count ?? Number.NaN;
    return {
      name: metric.name,
      unit: metric.unit,
      points: points.map((point) => ({ attributes: recordOf(point.attributes), value: value(point) })),
    };
  });
}

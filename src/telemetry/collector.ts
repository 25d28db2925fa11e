import type { Metadata } from "@grpc/grpc-js";
import type { ExportSettings } from "../core/telemetry-settings.ts";

/** How a collector is reached over HTTP. Timeout, compression and certificates the exporter takes from their own variables. */
export function collectorOptions({ url, headers }: ExportSettings): {
  readonly url: string;
  readonly headers: Record<string, string>;
} {
  const revealed = Object.entries(headers).map(([name, value]) => [name, value.reveal()] as const);
  return { url, headers: Object.fromEntries(revealed) };
}

/** The same over gRPC; `http:` is without TLS. */
export async function grpcCollectorOptions(settings: ExportSettings): Promise<{
  readonly url: string;
  readonly metadata: Metadata;
}> {
  const { Metadata } = await import("@grpc/grpc-js");
  const { url, headers } = collectorOptions(settings);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name.toLowerCase(), value);
  return { url, metadata };
}

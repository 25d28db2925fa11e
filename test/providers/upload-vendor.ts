import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A form that was sent, as the platform's own reader reads it. */
export interface Upload {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: Buffer;
  /** Fields in order; files by their names. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly file: { readonly name: string; readonly type: string; readonly bytes: Uint8Array } | undefined;
}

export interface UploadVendor extends AsyncDisposable {
  readonly url: string;
  readonly uploads: readonly Upload[];
}

/** A vendor that takes forms and answers each with the same JSON. */
export async function startUploadVendor(answer: unknown, headers: Record<string, string> = {}): Promise<UploadVendor> {
  const uploads: Upload[] = [];
  const server = createServer(async (request, response) => {
    const raw = Buffer.concat(await request.toArray());
    const form = await new Response(raw, {
      headers: { "content-type": request.headers["content-type"] ?? "" },
    }).formData();
    const fields = [...form].map(([name, value]) => [name, typeof value === "string" ? value : value.name] as const);
    const part = [...form.values()].find((value) => typeof value !== "string");
    const file = part && { name: part.name, type: part.type, bytes: await part.bytes() };
    uploads.push({ path: request.url ?? "", headers: request.headers, raw, fields, file });
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(answer));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    uploads,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// The least a relay in node can do: node:http in, undici out, bytes passed on as they come. VENDOR is where to.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Agent } from "undici";

const agent = new Agent({ pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
const origin = process.env.VENDOR ?? "";

const server = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => relay(request.url ?? "/", Buffer.concat(chunks), response));
});

function relay(path: string, body: Buffer, response: http.ServerResponse): void {
  const headers = { "content-type": "application/json" };
  agent
    .stream({ origin, path, method: "POST", headers, body }, ({ statusCode, headers: answer }) => {
      response.writeHead(statusCode, { "content-type": String(answer["content-type"]) });
      return response;
    })
    .catch(() => response.destroy());
}

server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`"http://127.0.0.1:${(server.address() as AddressInfo).port}"\n`);
});

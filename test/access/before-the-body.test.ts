import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AccessGateway, adminToken, startAccessGateway } from "./access-gateway.ts";

/** Who is not known is refused by the headers: the body is announced, and never sent. */
describe.each(["on", "off"])("with the hot path %s", (hotPath) => {
  let gateway: AccessGateway;
  beforeAll(async () => {
    gateway = await startAccessGateway({ LIVELLM_ADMIN_TOKEN: adminToken, LIVELLM_HOT_PATH: hotPath });
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  test.each(["application/json", "application/proto", "application/grpc-web+proto"])(
    "over HTTP/1.1 as %s",
    async (contentType) => {
      const { hostname, port } = new URL(gateway.url);
      const socket = net.connect(Number(port), hostname);
      const head = [
        "POST /livellm.v1.AgentService/Run HTTP/1.1",
        "host: gateway",
        `content-type: ${contentType}`,
        "content-length: 1000000",
      ];
      socket.write(`${head.join("\r\n")}\r\n\r\n{`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      // gRPC-Web has its status in the headers of a response that has no body.
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 |grpc-status: 16\r\n/i);
    },
  );

  test.each(["application/grpc+proto", "application/proto", "application/connect+proto", "application/json"])(
    "over HTTP/2 as %s",
    async (contentType) => {
      const session = http2.connect(gateway.url);
      const method = contentType === "application/connect+proto" ? "RunStream" : "Run";
      const stream = session.request(
        { ":method": "POST", ":path": `/livellm.v1.AgentService/${method}`, "content-type": contentType },
        { endStream: false },
      );
      stream.write(Buffer.alloc(1));
      const [headers] = (await once(stream, "response")) as [
        http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
      ];
      const body: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => body.push(chunk));
      const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => {
        stream.once("trailers", resolve);
        stream.once("close", () => resolve({}));
      });
      const told = JSON.stringify([headers, await trailers, Buffer.concat(body).toString("latin1")]);
      session.destroy();
      expect(told).toMatch(/":status":401|"grpc-status":"16"|unauthenticated/);
    },
  );
});

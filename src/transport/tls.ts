import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Logger } from "pino";
import { followTlsFiles, readTlsFiles, type TlsFiles, type TlsMaterial } from "./tls-files.ts";

/** Turns connections into TLS ones, with the certificate that is in the files now. */
export interface TlsAcceptor {
  /** `serve` gets the connections whose handshake was done; `alpnProtocol` is `h2` where that was agreed on. */
  accepting(serve: (socket: TLSSocket) => void): (connection: Socket) => void;
  /** When the certificate in use ends. */
  endsAt(): Date;
  /** Stops following the files. */
  close(): void;
}

export interface TlsOptions {
  readonly files: TlsFiles;
  readonly logger: Logger;
  /** How often the files are looked at where nobody tells of a change. 10 seconds when unset. */
  readonly pollIntervalMs?: number;
}

const handshakeTimeoutMs = 10_000;

/**
 * TLS 1.2 and newer, HTTP/2 or HTTP/1.1 by ALPN. With `clientCa` only callers with a certificate of that authority get in.
 * Files that change take effect for new connections; a pair that does not fit is logged, and the old one stays. Throws when
 * the files cannot be used to begin with.
 */
export async function createTlsAcceptor({ files, logger, pollIntervalMs = 10_000 }: TlsOptions): Promise<TlsAcceptor> {
  const first = await readTlsFiles(files);
  const server = createTlsServer(first);
  let endsAt = endOf(first);
  server.on("tlsClientError", (error) => logger.debug({ code: "code" in error && error.code }, "TLS handshake failed"));
  const following = followTlsFiles({
    files,
    current: first,
    pollIntervalMs,
    changed(material) {
      server.setSecureContext({ ...material, minVersion: "TLSv1.2" });
      endsAt = endOf(material);
      logger.info({ endsAt }, "TLS certificate replaced");
    },
    failed: ({ message }) => logger.error({ reason: message }, "TLS files not taken; the certificate in use stays"),
  });
  return {
    accepting(serve) {
      server.on("secureConnection", serve);
      return (connection) => {
        // An HTTP/1 server takes connections half open; a client that goes in the handshake would stay for its timeout.
        connection.allowHalfOpen = false;
        server.emit("connection", connection);
      };
    },
    endsAt: () => endsAt,
    close: () => following[Symbol.dispose](),
  };
}

/** The server's own is the first of the file. */
function endOf({ cert }: TlsMaterial): Date {
  return new X509Certificate(cert).validToDate;
}

/** It never listens: the port is the HTTP/1 server's, which hands its connections on. */
function createTlsServer(material: TlsMaterial): Server {
  const wantsClients = material.ca !== undefined;
  return createServer({
    ...material,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: wantsClients,
    rejectUnauthorized: wantsClients,
  });
}

/** Where a server is to be found. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Whether it speaks TLS. */
  readonly secure: boolean;
}

/** `http://127.0.0.1:8000` */
export function serverUrl({ host, port, secure }: ServerAddress): string {
  return `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

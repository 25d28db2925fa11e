const defaultPort = "11434";
const usualPorts: Readonly<Record<string, string>> = { http: "80", https: "443" };

/**
 * The address of the Ollama that `OLLAMA_HOST` means, without a trailing slash: `host`, `host:port`, `:port`, an IPv6
 * address, or a whole address, in the forms that Ollama's own programs read (its envconfig package). An address to listen
 * on becomes one to call: `0.0.0.0` is `127.0.0.1`. Empty: the usual address. Throws a RangeError for what is none of these.
 */
export function ollamaBaseUrl(hostVariable: string): string {
  const [scheme, rest] = splitScheme(unquoted(hostVariable));
  const [authority = "", ...path] = rest.split("/");
  const { host, port } = splitPort(authority);
  const url = URL.parse(`${scheme || "http"}://${callable(host)}:${port || usualPorts[scheme] || defaultPort}`);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new RangeError("OLLAMA_HOST must be an address such as 127.0.0.1:11434");
  return [url.origin, ...path.filter((step) => step !== "")].join("/");
}

/** Ollama reads its variables without the quotes that shells and unit files leave around them. */
function unquoted(text: string): string {
  return text.trim().replace(/^["']+|["']+$/g, "");
}

function splitScheme(address: string): readonly [scheme: string, rest: string] {
  const match = /^([a-z][a-z\d+.-]*):\/\/(.*)$/i.exec(address);
  return [match?.[1]?.toLowerCase() ?? "", match?.[2] ?? address];
}

/** A bare IPv6 address has colons and no port. */
function splitPort(authority: string): { readonly host: string; readonly port: string } {
  if (/^[\da-f]*:[\da-f:.]*:[\da-f:.]*$/i.test(authority)) return { host: `[${authority}]`, port: "" };
  const [, host = "", port = ""] = /^(.*?)(?::(\d*))?$/.exec(authority) ?? [];
  return { host, port };
}

function callable(host: string): string {
  if (host === "") return "localhost";
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "[::]" ? "[::1]" : host;
}

/**
 * The address of the client. What a proxy says of it is believed when the connection comes from a proxy that is trusted: the last
 * address of `X-Forwarded-For` that is not one of them, then `Forwarded`, then `X-Real-IP`. Anybody else may write what they
 * like there, and it counts for nothing.
 */
export function addressOfClient(
  headers: Headers,
  remoteAddress: string,
  isTrustedProxy: (address: string) => boolean,
): string {
  if (!isTrustedProxy(remoteAddress)) return remoteAddress;
  const hops = [...forwardedFor(headers), remoteAddress];
  return hops.findLast((address) => !isTrustedProxy(address)) ?? headers.get("x-real-ip")?.trim() ?? remoteAddress;
}

function forwardedFor(headers: Headers): readonly string[] {
  const simple = listOf(headers.get("x-forwarded-for"));
  if (simple.length > 0) return simple;
  return listOf(headers.get("forwarded")).flatMap((hop) => {
    const [, address] = /(?:^|;)\s*for="?\[?([^\]";]+)\]?/i.exec(hop) ?? [];
    return address === undefined ? [] : [address];
  });
}

function listOf(header: string | null): readonly string[] {
  return (header ?? "").split(",").flatMap((item) => item.trim() || []);
}

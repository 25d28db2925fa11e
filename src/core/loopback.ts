/**
 * Whether a host is this machine alone: `localhost` and names below it (RFC 6761), 127.0.0.0/8 and ::1, with or without
 * brackets. Any other name may mean anything.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return (
    bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(bare)
  );
}

import pg from "pg";
import type { FailedQuery } from "./outage.ts";
import type { PostgresAddress } from "./postgres-address.ts";

/**
 * Says what went wrong, and what to do. The server's own words are not shown: they may quote what was to be written. Codes
 * that begin with two letters: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function explainPostgres(error: unknown, address: PostgresAddress): FailedQuery {
  const code = codeOf(error);
  const reason = reasonByCode(code, address) ?? reasonByMessage(error);
  if (reason !== undefined) return { away: true, passes: false, onlyReads: code === readOnly, reason };
  if (!(error instanceof pg.DatabaseError)) return withoutAnswer(error, code);
  if (passing.test(code)) return { away: true, passes: true, reason: `does not take queries at the moment (${code})` };
  return { away: false, passes: false, reason: `has refused a query with ${code}${placeOf(error)}` };
}

const readOnly = "25006";
/** Connections that break, resources that run out, a server that stops or starts. */
const passing = /^(08|53|57P0[1-5])/;

function reasonByCode(code: string, { user, database }: PostgresAddress): string | undefined {
  const reasons: Readonly<Record<string, string>> = {
    "28P01": `refuses the password of the user "${user}"`,
    "28000": `does not let in the user "${user}" from here: it may not exist, or pg_hba.conf or TLS does not allow it`,
    "3D000": `has no database "${database}": make one with createdb --owner ${user || "USER"} ${database}`,
    "42501":
      `does not give the user "${user}" the rights it needs: let it own its database, or ` +
      "grant create on schema public to it",
    [readOnly]: "is read-only: the address leads to a standby, or to a server that was demoted",
    ...tlsReasons,
  };
  return reasons[code];
}

const tlsReasons: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "its own alone"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "that of an authority that is not known here"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "that of an authority that is not known here"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "that of an authority that is not known here"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "for another name than that in the address"],
    ["CERT_HAS_EXPIRED", "no longer valid"],
  ].map(([code, what]) => [code, `has a certificate that is ${what}: name its authority with sslrootcert=FILE`]),
);

/** What `pg` says itself and gives no code. */
function reasonByMessage(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : "";
  if (message.includes("password must be a string")) return "wants a password, and DATABASE_URL has none";
  if (message.includes("does not support SSL")) return "does not speak TLS: write sslmode=disable if that is right";
  return undefined;
}

/** What is not the server's answer: the network's and the system's errors have a code, `pg`'s own have words. */
function withoutAnswer(error: unknown, code: string): FailedQuery {
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: "" };
  if (/timeout/i.test(message)) return { away: true, passes: true, reason: "does not answer in time" };
  if (code !== "" || /connection|client was closed/i.test(message)) {
    return { away: true, passes: true, reason: `cannot be reached (${code || "the connection has ended"})` };
  }
  return { away: false, passes: false, reason: `could not be used, because of a mistake in this program (${name})` };
}

/** Names of tables and constraints are ours. */
function placeOf({ table, constraint }: pg.DatabaseError): string {
  return [table && ` at the table ${table}`, constraint && ` for ${constraint}`].filter(Boolean).join("");
}

/** With several addresses of one host, that of the first. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

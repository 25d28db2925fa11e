import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The comment above a field or oneof, as far as it states rules. */
export interface CommentedMember {
  readonly message: string;
  readonly member: string;
  /** The comment in one line. */
  readonly comment: string;
  /** "Required." where the comment says so, then the text of its `rule:` line. */
  readonly rules: readonly string[];
}

const folder = join(import.meta.dirname, "../../proto/livellm/v1");

/** Reads every member of every message of the contract with its comment. */
export function readProtoComments(): readonly CommentedMember[] {
  return protoSources().flatMap(readMembers);
}

export function protoSources(): readonly string[] {
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
}

function readMembers(source: string): CommentedMember[] {
  const members: CommentedMember[] = [];
  const open: { kind: string; name: string }[] = [];
  let comment: string[] = [];
  for (const line of source.split("\n").map((each) => each.trim())) {
    if (line.startsWith("//")) {
      comment.push(line.replace(/^\/\/ ?/, ""));
      continue;
    }
    const message = open.findLast(({ kind }) => kind === "message")?.name;
    const member = nameOfMember(line, open.at(-1)?.kind);
    if (message && member) members.push({ message, member, comment: comment.join(" "), rules: rulesIn(comment) });
    const block = /^(message|enum|oneof|service|rpc) (\w+).*\{$/.exec(line);
    if (block) open.push({ kind: block[1] ?? "", name: block[2] ?? "" });
    else if (line === "}") open.pop();
    comment = [];
  }
  return members;
}

function nameOfMember(line: string, inside: string | undefined): string | undefined {
  if (inside !== "message" && inside !== "oneof") return undefined;
  return (
    /^oneof (\w+) \{$/.exec(line)?.[1] ?? /^(?:repeated |optional )?[\w.]+(?:<[^>]+>)? (\w+) = \d+;$/.exec(line)?.[1]
  );
}

function rulesIn(comment: readonly string[]): string[] {
  const required = comment[0]?.startsWith("Required.") ? ["Required."] : [];
  return [
    ...required,
    ...comment.filter((line) => line.startsWith("rule: ")).map((line) => line.slice("rule: ".length)),
  ];
}

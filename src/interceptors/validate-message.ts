import type { DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf";
import type { Violation } from "../core/error.ts";
import type { Fields, Finding, Rule, RuleLimits } from "./rule.ts";
import { optionalIn, rules } from "./rules.ts";

/** Lists every rule that a message breaks; the list is empty for a valid one. */
export type Validate = (desc: DescMessage, message: Message) => readonly Violation[];

/**
 * Checks messages against the table of rules. What there is to check in a kind of message is worked out at the first of
 * its kind; the way to a field is put into words only when something is wrong there.
 */
export function createValidator(limits: RuleLimits): Validate {
  const compiled = new Map<string, Check>();
  const whole = new Map<DescMessage, Check>();
  const compile = (desc: DescMessage, optional: readonly string[]): Check => {
    const key = `${desc.typeName} ${optional.join()}`;
    const known = compiled.get(key);
    if (known) return known;
    // Before its fields are looked at: a message may contain its own kind.
    const steps: Check[] = [];
    const check: Check = (message, path, report) => {
      for (const step of steps) step(message, path, report);
    };
    compiled.set(key, check);
    steps.push(...ruleChecks(desc, optional, limits), ...nestedChecks(desc, compile));
    return check;
  };
  const checkOf = (desc: DescMessage): Check => {
    const check = whole.get(desc) ?? compile(desc, []);
    whole.set(desc, check);
    return check;
  };
  return (desc, message) => {
    const violations: Violation[] = [];
    checkOf(desc)(message as Message & Fields, undefined, (path, finding) => {
      const field = pathToText(path) + (finding.below ?? "");
      const known = violations.some((each) => each.field === field && each.reason === finding.reason);
      if (!known) violations.push({ field, description: finding.description, reason: finding.reason });
    });
    return violations;
  };
}

type Report = (path: Path | undefined, finding: Finding) => void;
type Check = (message: Fields, path: Path | undefined, report: Report) => void;
type Compile = (desc: DescMessage, optional: readonly string[]) => Check;

/** From the inside out. A key that is a number is the index in a list; one in brackets, the key of a map. */
interface Path {
  readonly parent: Path | undefined;
  readonly key: string | number;
}

function pathToText(path: Path | undefined): string {
  if (path === undefined) return "";
  const before = pathToText(path.parent);
  if (typeof path.key === "number") return `${before}[${path.key}]`;
  return before === "" || path.key.startsWith("[") ? before + path.key : `${before}.${path.key}`;
}

/** The rules of a message's own fields and oneofs. */
function ruleChecks(desc: DescMessage, optional: readonly string[], limits: RuleLimits): Check[] {
  const table = rulesOf(desc);
  const members: (DescField | DescOneof)[] = [...desc.fields, ...desc.oneofs];
  return members.flatMap((member) => {
    const asked = (rule: Rule) => !(rule.asksPresence && optional.includes(member.name));
    const applied = (table[member.name] ?? []).filter(asked);
    return applied.length === 0 ? [] : [memberCheck(member, applied, limits)];
  });
}

function rulesOf(desc: DescMessage): Readonly<Record<string, readonly Rule[]>> {
  return desc.typeName.startsWith("livellm.v1.") ? (rules[desc.name] ?? {}) : {};
}

function memberCheck(member: DescField | DescOneof, applied: readonly Rule[], limits: RuleLimits): Check {
  const scope = { member, limits };
  return (message, path, report) => {
    const value = member.kind === "oneof" ? message[member.localName] : fieldValue(member, message);
    for (const rule of applied) {
      const found = rule.check(value, message, scope);
      if (found === undefined) continue;
      const at = member.kind === "oneof" ? path : { parent: path, key: member.jsonName };
      for (const finding of Array.isArray(found) ? found : [found]) report(at, finding);
    }
  };
}

function fieldValue(field: DescField, message: Fields): unknown {
  if (field.oneof === undefined) return message[field.localName];
  const { case: found, value } = message[field.oneof.localName] as { case?: string; value?: unknown };
  return found === field.localName ? value : undefined;
}

/** The messages inside, as far as the contract has rules for any of them. */
function nestedChecks(desc: DescMessage, compile: Compile): Check[] {
  return desc.fields.flatMap((field) => {
    if (!field.message?.typeName.startsWith("livellm.v1.")) return [];
    const inner = compile(field.message, optionalIn[desc.name]?.[field.name] ?? []);
    return [nestedCheck(field, inner)];
  });
}

function nestedCheck(field: DescField, inner: Check): Check {
  return (message, path, report) => {
    const value = fieldValue(field, message);
    if (typeof value !== "object" || value === null) return;
    const at = { parent: path, key: field.jsonName };
    if (field.fieldKind === "message") {
      inner(value as Fields, at, report);
    } else if (field.fieldKind === "list") {
      (value as readonly Fields[]).forEach((item, index) => {
        inner(item, { parent: at, key: index }, report);
      });
    } else {
      for (const [key, item] of Object.entries(value))
        inner(item, { parent: at, key: `[${JSON.stringify(key)}]` }, report);
    }
  };
}

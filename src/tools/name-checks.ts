import { invalidRequest, type Violation } from "../core/error.ts";

/** A tool under the name the model gets; empty for the provider's own tools, which have none. */
export interface NamedTool {
  readonly name: string;
  /** The request field that decides the name. */
  readonly field: string;
}

/** Throws with every two tools of one name, and every tool that the choice names and nobody offers. */
export function checkToolNames(tools: readonly NamedTool[], chosen: readonly string[]): void {
  const violations = [...doubles(tools), ...unknown(tools, chosen)];
  if (violations.length > 0) throw invalidRequest(violations);
}

function doubles(tools: readonly NamedTool[]): Violation[] {
  const first = new Map<string, NamedTool>();
  return tools.flatMap((tool) => {
    const before = first.get(tool.name);
    if (tool.name === "") return [];
    if (!before) {
      first.set(tool.name, tool);
      return [];
    }
    const where = before.field.replace(/\.(name|prefix)$/, "");
    const remedy = tool.field.endsWith(".name") ? "give it another name" : "set a prefix to keep them apart";
    const description = `there are two tools ${tool.name}, the other of ${where}; ${remedy}`;
    return [{ field: tool.field, description, reason: "CONFLICT" as const }];
  });
}

function unknown(tools: readonly NamedTool[], chosen: readonly string[]): Violation[] {
  const names = tools.map(({ name }) => name).filter((name) => name !== "");
  return chosen.flatMap((name, i) => {
    if (names.includes(name)) return [];
    const description = `there is no tool ${name}; the tools are: ${names.slice(0, 50).join(", ") || "none"}`;
    return [{ field: `config.toolChoice.toolNames[${i}]`, description, reason: "UNKNOWN" as const }];
  });
}

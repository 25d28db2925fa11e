import type { SourceFile, SourceImport } from "./source-tree.ts";

/**
 * Who may import whom: a layer, and the layers it may use. `x (types)` allows `import type` alone. A layer may always
 * import itself; a layer that is not in the table may not exist.
 */
export type ImportTable = Readonly<Record<string, readonly string[]>>;

/** Every import that the table does not allow, as a sentence. */
export function forbiddenImports(files: readonly SourceFile[], table: ImportTable): readonly string[] {
  return files.flatMap((file) => {
    const layer = layerOf(file.path);
    const allowed = table[layer] ?? (layer.startsWith("providers/") ? table["providers/x"] : undefined);
    if (!allowed) return [`${file.path}: the table has no layer ${layer}`];
    return file.imports.filter((one) => !mayImport(layer, allowed, one)).map((one) => describe(file, one));
  });
}

function mayImport(layer: string, allowed: readonly string[], { target, typeOnly }: SourceImport): boolean {
  if (!/^(src|gen|test|scripts)\//.test(target)) return !target.startsWith(".");
  const used = layerOf(target);
  if (used === layer || allowed.includes(used)) return true;
  if (typeOnly && allowed.includes(`${used} (types)`)) return true;
  return allowed.includes("*");
}

function describe(file: SourceFile, { target, typeOnly }: SourceImport): string {
  return `${file.path} (${layerOf(file.path)}) may not import ${typeOnly ? "types of " : ""}${target} (${layerOf(target)})`;
}

/**
 * The layer of a file: its folder below src (`routing`), its own name for a file beside them (`app`), and for a provider its
 * own folder (`providers/openai`), because providers do not see one another.
 */
function layerOf(file: string): string {
  const [root, first = "", second, third] = file.split("/");
  if (root !== "src") return root ?? "";
  if (second === undefined) return first.replace(/\.ts$/, "");
  if (first !== "providers") return first;
  return third === undefined ? `providers/${second.replace(/\.ts$/, "")}` : `providers/${second}`;
}

/** Imports of packages and built-in modules that a layer may not use. `allowed` says who may. */
export function forbiddenPackages(files: readonly SourceFile[], allowed: ImportTable): readonly string[] {
  return files.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => allowed[packageOf(specifier)]?.every((layer) => !holds(layer, file.path)))
      .filter(({ specifier, typeOnly }) => !(typeOnly && allowed[packageOf(specifier)]?.includes("(types)")))
      .map(({ specifier }) => `${file.path} may not import ${specifier}`),
  );
}

function holds(layer: string, file: string): boolean {
  return layerOf(file) === layer;
}

/** `openai/resources/chat` belongs to `openai`, `@scope/a/b` to `@scope/a`. */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The import cycles, each as the files on it in order. Types count too: a cycle of types cannot be read top-down either. */
export function importCycles(files: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (name: string, trail: readonly string[]): void => {
    if (trail.includes(name)) cycles.push([...trail.slice(trail.indexOf(name)), name].join(" → "));
    if (done.has(name) || trail.includes(name)) return;
    for (const { target } of byPath.get(name)?.imports ?? []) visit(target, [...trail, name]);
    done.add(name);
  };
  for (const file of files) visit(file.path, []);
  return cycles;
}

/** The files that cannot be reached by imports from any of `entries`. */
export function unreachableFiles(files: readonly SourceFile[], entries: readonly string[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const queue = [...entries];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    queue.push(...(byPath.get(name)?.imports ?? []).map(({ target }) => target));
  }
  return files.map((file) => file.path).filter((name) => !reached.has(name));
}

/** Places where `pattern` occurs in the code of a file that is not excepted; comments do not count. */
export function forbiddenText(
  files: readonly SourceFile[],
  pattern: RegExp,
  excepted: readonly string[],
): readonly string[] {
  return files
    .filter((file) => !excepted.some((name) => file.path === name || file.path.startsWith(`${name}/`)))
    .flatMap((file) =>
      withoutComments(file.text)
        .split("\n")
        .flatMap((line, i) => (pattern.test(line) ? [`${file.path}:${i + 1}: ${line.trim()}`] : [])),
    );
}

/** Blanks comments out and keeps the lines. A `//` inside a text with a scheme in front (`http://`) is not a comment. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  forbiddenImports,
  forbiddenPackages,
  forbiddenText,
  type ImportTable,
  importCycles,
  unreachableFiles,
} from "./support/import-rules.ts";
import { readSourceTree, sourceFile } from "./support/source-tree.ts";

const root = path.join(import.meta.dirname, "..");

/** The table "Who may import whom". A provider that has no row of its own has that of `providers/x`. */
const table: ImportTable = {
  main: ["process-environment", "serve"],
  worker: [
    "app",
    "config",
    "configured-providers",
    "idle-memory",
    "process-environment",
    "process-end",
    "telemetry",
    "workers",
    "young-generation",
  ],
  serve: [
    "app",
    "config",
    "idle-memory",
    "misspelled-variables",
    "process-end",
    "serve-in-workers",
    "telemetry",
    "young-generation",
  ],
  "serve-in-workers": ["config", "core", "open-faults", "process-end", "shared-state", "telemetry", "workers"],
  "open-faults": ["config", "telemetry", "upstream"],
  "process-end": ["config", "load-config", "telemetry"],
  "idle-memory": [],
  "young-generation": [],
  "configured-providers": ["config", "core", "providers/ollama", "upstream"],
  workers: ["core", "streams"],
  library: ["app", "config", "core", "load-config", "telemetry"],
  client: ["gen"],
  "load-config": ["config", "config-file", "environment", "provider-kinds"],
  "misspelled-variables": ["environment", "messages"],
  "inspect-config": [
    "access",
    "compat",
    "config",
    "environment",
    "providers/ollama",
    "requests-guard",
    "routing",
    "store",
    "transport",
    "upstream",
  ],
  "config-file": ["gen", "core", "environment", "messages", "interceptors", "services"],
  "provider-kinds": ["core", "providers/index", "providers/local", "providers/settings"],
  "process-environment": [],
  app: ["*"],
  faces: ["access", "compat", "config", "interceptors", "requests-guard", "telemetry", "transport"],
  "create-access": ["access", "config", "core", "routing", "store (types)", "transport"],
  "requests-guard": ["config", "upstream"],
  transport: ["gen", "core", "messages", "streams"],
  compat: ["gen", "core", "streams"],
  interceptors: ["gen", "core", "messages", "streams", "telemetry", "access"],
  messages: ["gen", "core"],
  services: [
    "gen",
    "core",
    "messages",
    "streams",
    "routing",
    "agent",
    "live",
    "tools",
    "audio",
    "access",
    "store (types)",
    "telemetry",
  ],
  agent: ["core", "streams", "routing", "telemetry", "tools (types)"],
  live: ["core", "streams", "routing", "audio", "telemetry"],
  routing: ["core", "streams", "telemetry", "store (types)"],
  tools: ["core", "streams", "upstream", "telemetry"],
  "providers/index": ["*"],
  "providers/settings": ["core"],
  "providers/x": ["core", "streams", "upstream", "audio", "providers/openai-compatible", "providers/settings"],
  access: ["core", "store (types)"],
  "shared-state": ["core"],
  upstream: ["core", "streams", "telemetry"],
  store: ["core"],
  audio: ["core"],
  telemetry: ["core", "streams"],
  config: ["core", "environment", "otel-settings"],
  "otel-settings": ["core", "environment"],
  environment: ["core"],
  cli: [
    "gen",
    "config",
    "config-file",
    "core",
    "inspect-config",
    "load-config",
    "misspelled-variables",
    "process-environment",
    "provider-kinds",
    "scripts",
    "serve",
    "store",
  ],
  streams: [],
  core: [],
};

/** Who may open or accept connections, and whose wire types are only read. */
const packages: ImportTable = {
  undici: ["upstream"],
  ws: ["upstream", "transport"],
  "node:net": ["upstream", "transport", "workers"],
  "node:http": ["transport"],
  "node:http2": ["transport"],
  "node:https": ["transport"],
  "node:tls": ["upstream", "transport"],
  "node:dgram": [],
  "node:child_process": ["workers"],
  "node:cluster": [],
  "@redis/client": ["shared-state"],
  openai: ["(types)"],
  "@anthropic-ai/sdk": ["(types)"],
  "@google/genai": ["(types)"],
  "@elevenlabs/elevenlabs-js": ["(types)"],
};

/** What is started, and what is imported from the package. */
const programs = ["src/library.ts", "src/client.ts", "src/main.ts", "src/cli/livellm.ts", "src/worker.ts"];

const files = readSourceTree(root, "src");

describe("the source tree", () => {
  test("is there", () => expect(files.length).toBeGreaterThan(40));
  test("imports as the table says", () => expect(forbiddenImports(files, table)).toEqual([]));
  test("opens and accepts connections in its own layers only", () =>
    expect(forbiddenPackages(files, packages)).toEqual([]));
  test("has no import cycles", () => expect(importCycles(files)).toEqual([]));
  test("has no file that its programs do not reach", () => expect(unreachableFiles(files, programs)).toEqual([]));
  test("reads the environment in one place", () =>
    expect(forbiddenText(files, /\bprocess\.env\b/, ["src/process-environment.ts"])).toEqual([]));
  test("calls no fetch and no WebSocket of the platform", () =>
    expect(forbiddenText(files, /(?<![.\w])(fetch\(|new WebSocket\()/, ["src/upstream"])).toEqual([]));
  test("has no state in modules", () => expect(forbiddenText(files, /^(export )?(let|var) /, [])).toEqual([]));
  test("never asks which provider it is in shared code", () => {
    const kinds = readdirSync(path.join(root, "src/providers"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const word = new RegExp(`["'](${kinds.map(({ name }) => name).join("|")})["']`);
    // The surfaces in src/compat translate the words that other systems have for providers.
    expect(
      forbiddenText(files, word, [
        "src/providers",
        "src/compat",
        "src/config.ts",
        "src/environment.ts",
        "src/configured-providers.ts",
      ]),
    ).toEqual([]);
  });
  test("names files for what they answer, in kebab-case", () => {
    const odd = files
      .map((file) => path.basename(file.path))
      .filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name));
    const empty = files.filter((file) => /\/(utils?|helpers?|common|types)\.ts$/.test(file.path));
    expect([...odd, ...empty]).toEqual([]);
  });
});

describe("the checker finds", () => {
  const at = (name: string, text: string) => [sourceFile(name, text)];
  const breaks: readonly (readonly [what: string, found: readonly string[]])[] = [
    ["an arrow upward", forbiddenImports(at("src/core/a.ts", 'import { b } from "../routing/b.ts";'), table)],
    [
      "a provider that sees another",
      forbiddenImports(at("src/providers/local/a.ts", 'import "../openai/b.ts";'), table),
    ],
    [
      "a value where types alone are allowed",
      forbiddenImports(at("src/services/a.ts", 'import {\n  b,\n} from "../store/b.ts";'), table),
    ],
    ["a value exported from", forbiddenImports(at("src/core/a.ts", 'export * from "../app.ts";'), table)],
    ["a dynamic import", forbiddenImports(at("src/streams/a.ts", 'const b = await import("../core/b.ts");'), table)],
    ["a layer nobody knows", forbiddenImports(at("src/lib/a.ts", ""), table)],
    [
      "generated code in core",
      forbiddenImports(at("src/core/a.ts", 'import type { B } from "../../gen/b_pb.ts";'), table),
    ],
    ["undici outside upstream", forbiddenPackages(at("src/routing/a.ts", 'import { Agent } from "undici";'), packages)],
    [
      "an SDK in the call path",
      forbiddenPackages(at("src/providers/openai/a.ts", 'import O from "openai";'), packages),
    ],
    [
      "a cycle",
      importCycles([
        sourceFile("src/core/a.ts", 'import type { B } from "./b.ts";'),
        sourceFile("src/core/b.ts", 'import { a } from "./a.ts";'),
      ]),
    ],
    ["a file nobody imports", unreachableFiles(at("src/core/a.ts", ""), programs)],
    [
      "process.env",
      forbiddenText(at("src/core/a.ts", "const a = process.env.HOME;"), /\bprocess\.env\b/, ["src/main.ts"]),
    ],
  ];
  test.each(breaks)("%s", (_, found) => expect(found).toHaveLength(1));

  test("and allows what the table allows", () => {
    const good = [
      sourceFile("src/services/a.ts", 'import type { B } from "../store/b.ts";\nimport { c } from "../core/c.ts";'),
      sourceFile("src/providers/openai/a.ts", 'import type O from "openai";\n// process.env is not read here\n'),
    ];
    expect(forbiddenImports(good, table)).toEqual([]);
    expect(forbiddenPackages(good, packages)).toEqual([]);
    expect(forbiddenText(good, /\bprocess\.env\b/, [])).toEqual([]);
  });
});

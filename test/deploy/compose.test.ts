import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { variables } from "../../src/environment.ts";

const root = path.join(import.meta.dirname, "../..");
const compose = readFileSync(path.join(root, "deploy/compose.yaml"), "utf8");
const { services } = parse(compose, { merge: true });
const dockerfile = readFileSync(path.join(root, "Dockerfile"), "utf8");

test.each(["livellm-1", "livellm-2"])("the compose file's %s is built from a target of the Dockerfile", (name) => {
  const { build, environment } = services[name];
  const [, target] = /:-(.*)\}/.exec(build.target) ?? [];
  expect(dockerfile).toMatch(new RegExp(`^FROM .* AS ${target}$`, "m"));
  expect(path.resolve(root, "deploy", build.context)).toBe(root);
  expect(Object.keys(environment).filter((variable) => !(variable in variables))).toEqual([]);
});

test("the replicas of the compose file share all but their ports", () => {
  const { ports: first, ...one } = services["livellm-1"];
  const { ports: second, ...other } = services["livellm-2"];
  expect(one).toEqual(other);
  expect(first).not.toEqual(second);
});

test("the head of the compose file names what it does not start without", () => {
  const [head = ""] = compose.split(/^name:/m);
  const needed = [...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name = ""]) => name);
  expect(needed.length).toBeGreaterThan(2);
  expect(needed.filter((name) => !head.includes(name))).toEqual([]);
});

test("the image sets variables that the gateway knows", () => {
  const [, block = ""] = /^ENV (NODE_ENV[\s\S]*?)^WORKDIR/m.exec(dockerfile) ?? [];
  const names = [...block.matchAll(/([A-Z_]+)=/g)].map(([, name = ""]) => name);
  expect(names).toContain("DATABASE_URL");
  expect(names.filter((name) => !(name in variables) && !name.startsWith("NODE_"))).toEqual([]);
});

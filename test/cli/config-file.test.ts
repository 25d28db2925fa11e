import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { variables } from "../../src/environment.ts";
import { codeBlocks } from "../support/code-blocks.ts";
import { type Gateway, projectRoot, runGateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { livellm } from "../support/livellm.ts";

const fixtures = path.join(projectRoot, "test/fixtures/config");
const bad = readFileSync(path.join(fixtures, "bad.yaml"), "utf8");

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, text: string): string {
  writeFileSync(path.join(folder, name), text);
  return name;
}

const check = (file: string, env: Readonly<Record<string, string>> = {}, cwd = folder) =>
  livellm(["check-config", "--config", file], { cwd, env });

describe("livellm check-config", () => {
  test("says every mistake at once, with its place and what would be right, and ends with 1", async () => {
    const { code, stdout, stderr } = await check("bad.yaml", { LIVELLM_STALL_TIMEOUT_MS: "soon" }, fixtures);
    expect([code, stdout]).toEqual([1, ""]);
    const [head, ...lines] = stderr.trimEnd().split("\n");
    expect(head).toBe("livellm: there are 25 mistakes in the configuration");
    expect(lines.map((line) => line.trim().replace(/^bad\.yaml:/, ""))).toEqual([
      "2:3: settings.PORT: it must be a whole number from 0 to 65535",
      "3:3: settings.LIVELLM_MAX_CALS: there is no such setting; did you mean LIVELLM_MAX_CALLS?",
      expect.stringMatching(
        /^4:3: settings\.LIVELLM_ADMIN_TOKEN: a secret does not belong in this file: write \$\{LIVELLM_ADMIN/,
      ),
      "5:3: settings.LIVELLM_HOT_PATH: must be one of on, off",
      "6:3: settings.LIVELLM_SURFACES: it must be one of livellm, v1, apc, chat",
      "7:3: settings.LIVELLM_CONFIG: a configuration file cannot name another one",
      "8:1: provders: there is no such section; did you mean providers?",
      expect.stringMatching(/^10:5: providers\[0\]\.id: must be 1 to 128 letters/),
      expect.stringMatching(/^12:5: providers\[0\]\.api_key: a key does not belong in this file/),
      expect.stringMatching(/^13:5: providers\[0\]\.base_url: must be a URL/),
      expect.stringMatching(/^14:5: providers\[1\]\.kind: there is no kind "openia"; the kinds are /),
      expect.stringMatching(/^16:5: providers\[1\]\.etag: unknown field; Provider has id, kind, /),
      '19:9: providers[1].models[0].strategy: unknown word; did you mean "parallel"? use one of sequential, parallel',
      expect.stringMatching(
        /^20:22: providers\[1\]\.models\[0\]\.fallbacks\[0\]\.provider: there is no provider "nobody"/,
      ),
      "23:5: providers[2].api_key: the environment has no NOT_THERE",
      "24:5: providers[2].disabled: must be true or false, not a string",
      '25:5: providers[3].id: "c" is there twice',
      expect.stringMatching(/^27:5: providers\[3\]\.api_key_file: ENOENT/),
      "28:5: providers[4]: must be a mapping",
      expect.stringMatching(/^32:7: routes\[0\]\.route\.attempt_timeout: must be a duration/),
      expect.stringMatching(/^34:12: routes\[0\]\.route\.targets\[0\]\.provider: there is no provider "nobody"/),
      '35:25: routes[0].route.targets[1].modle: unknown field; did you mean "model"?',
      expect.stringMatching(/^36:5: routes\[1\]\.name: is required/),
      "37:5: routes[1].route.targets: is required, or name in its place",
      "environment: LIVELLM_STALL_TIMEOUT_MS: it must be a whole number from 1 to 86400000",
    ]);
    expect(stderr).not.toContain("secret-itself");
  });

  test("says where a file stops being YAML, and quotes nothing of it", async () => {
    const { code, stderr } = await check(written("broken.yaml", "settings:\n  LIVELLM_ADMIN_TOKEN: 'sk-secret\n"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ {2}broken\.yaml:\d+:\d+: Missing closing 'quote/m);
    expect(stderr).not.toContain("sk-secret");
  });

  test("says what is wrong with the environment alone, and that nothing is", async () => {
    const nothing = await livellm(["check-config"], { cwd: folder });
    expect([nothing.code, nothing.stdout]).toEqual([0, "the configuration is right; 0 providers, 0 routes\n"]);
    const port = await livellm(["check-config"], { cwd: folder, env: { PORT: "x", LIVELLM_TLS_KEY: "key.pem" } });
    expect(port.code).toBe(1);
    expect(port.stderr).toMatch(/PORT: it must be .*; LIVELLM_TLS_CERT: TLS needs both/);
  });

  const wrong: readonly (readonly [name: string, value: string, said: RegExp])[] = [
    ["HOST", "0.0.0.0", /set LIVELLM_ADMIN_TOKEN/],
    ["LIVELLM_CORS_ORIGINS", "https://app.example.com/", /without a path/],
    ["LIVELLM_CORS_ORIGINS", "https://a.example.com, app.example.com", /https:\/\/app\.example\.com/],
    ["LIVELLM_CORS_ORIGINS", "https://App.example.com", /small letters/],
    ["LIVELLM_TRUSTED_PROXIES", "10.0.0.0/99", /CIDR/],
    ["LIVELLM_TRUSTED_PROXIES", "10.0.0.1, ingress", /"ingress" is no IP address/],
    ["OLLAMA_HOST", "http://:::", /OLLAMA_HOST must be an address/],
  ];
  test.each(wrong)("sees that %s cannot be %j", async (name, value, said) => {
    const { code, stderr } = await livellm(["check-config"], { cwd: folder, env: { [name]: value } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(said)]);
    expect(stderr).toContain(`${name}: `);
  });

  test("takes what the older systems' settings need, and origins of every kind", async () => {
    const chat = { LIVELLM_SURFACES: "chat", MAX_MESSAGE_LENGTH: "long" };
    expect((await livellm(["check-config"], { cwd: folder, env: chat })).stderr).toContain("MAX_MESSAGE_LENGTH");
    const LIVELLM_CORS_ORIGINS = "https://app.example.com,http://localhost:5173,capacitor://localhost,null";
    const env = { LIVELLM_CORS_ORIGINS, LIVELLM_TRUSTED_PROXIES: "10.0.0.0/8, ::1", HOST: "::1" };
    expect((await livellm(["check-config"], { cwd: folder, env })).code).toBe(0);
  });

  test("says which variable may have been meant by one that there is not", async () => {
    const env = { LIVELLM_MAX_CALS: "5", LIVELLM_PORT: "tcp://10.0.0.1:8000", LIVELLM_SERVICE_HOST: "10.0.0.1" };
    const { code, stderr } = await livellm(["check-config"], { cwd: folder, env });
    expect([code, stderr.trim()]).toEqual([
      0,
      "warning: LIVELLM_MAX_CALS: there is no such setting; did you mean LIVELLM_MAX_CALLS?",
    ]);
  });

  test("says what a database that servers share needs", async () => {
    const env = { DATABASE_URL: "postgres://livellm:sk-password@db/livellm?sslmode=prefer" };
    const { code, stderr } = await livellm(["check-config"], { cwd: folder, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/DATABASE_URL: .*sslmode must be one of/);
    expect(stderr).toMatch(/LIVELLM_MASTER_KEY: .*must be set for a database that servers share/);
    expect(stderr).not.toContain("sk-password");
  });

  test("looks at files, keys and addresses, which serve would stumble over one by one", async () => {
    const file = written(
      "deeper.yaml",
      [
        "settings:",
        "  DATABASE_URL: mysql://user:sk-password@db",
        "  LIVELLM_ALLOWED_ADDRESSES: [10.0.0.0/99]",
        "  LIVELLM_CATALOGUE: nowhere.json",
      ].join("\n"),
    );
    const env = { LIVELLM_TLS_CERT: "no.pem", LIVELLM_TLS_KEY: "no.key", LIVELLM_MASTER_KEY: "short-secret-key" };
    const { code, stderr } = await check(file, env);
    expect([code, stderr.split("\n")[0]]).toEqual([1, "livellm: there are 5 mistakes in the configuration"]);
    expect(stderr).toMatch(/^ {2}deeper\.yaml:2:3: settings\.DATABASE_URL: .*cannot be used/m);
    expect(stderr).toMatch(
      /^ {2}deeper\.yaml:3:3: settings\.LIVELLM_ALLOWED_ADDRESSES: "10\.0\.0\.0\/99" is no host name/m,
    );
    expect(stderr).toMatch(/^ {2}deeper\.yaml:4:3: settings\.LIVELLM_CATALOGUE: ENOENT/m);
    expect(stderr).toMatch(/^ {2}environment: LIVELLM_MASTER_KEY: .*64 hexadecimal digits/m);
    expect(stderr).toMatch(/^ {2}environment: LIVELLM_TLS_CERT: the TLS file no\.pem cannot be read/m);
    expect(stderr).not.toMatch(/sk-password|short-secret/);
  });

  test("accepts the example of docs/configuration.md", async () => {
    const [example] = codeBlocks("docs/configuration.md").filter(({ language }) => language === "yaml");
    mkdirSync(path.join(folder, "example"), { recursive: true });
    written("example/in-house.key", "sk-in-house\n");
    const file = written("example/livellm.yaml", example?.text ?? "");
    const env = { OPENAI_API_KEY: "sk-1", LIVELLM_ADMIN_TOKEN: "an-administrators-token" };
    expect((await check(file, env)).stdout).toBe(`the configuration is right; ${file}: 2 providers, 1 route\n`);
  });
});

test("livellm serve ends with 1 and the same words when the file has mistakes", async () => {
  const { code, stderr } = await livellm(["serve", "--config", "bad.yaml"], { cwd: fixtures });
  expect(code).toBe(1);
  expect(stderr).toContain("there are 24 mistakes in the configuration");
  expect(stderr).toContain("bad.yaml:3:3: settings.LIVELLM_MAX_CALS");
});

test("npm start ends likewise", async () => {
  const file = path.join(fixtures, "bad.yaml");
  const { code, stderr } = await runGateway({ LIVELLM_CONFIG: file });
  expect([code, stderr]).toEqual([1, expect.stringContaining(`${file}:8:1: provders`)]);
});

describe("a gateway with a configuration file", () => {
  const token = "an-administrators-token";
  const env = () => ({
    LIVELLM_CONFIG: path.join(fixtures, "good.yaml"),
    LOG_LEVEL: "info",
    OPENAI_API_KEY: "sk-of-the-environment",
    OUR_KEY: "sk-of-the-file-0001",
    TOKEN_OF_OURS: token,
  });
  const headers = { authorization: `Bearer ${token}` };
  const callsOf =
    (gateway: Gateway) =>
    async (method: string, request: object = {}) =>
      (await callJson(gateway.url, method, request, headers)).body;

  test("has its settings, where the environment says nothing, and its providers and routes, read-only", async () => {
    await using gateway = await startGateway({ env: env() });
    const call = callsOf(gateway);
    expect((await call("ProvidersService/ListProviders")).providers).toMatchObject([
      { id: "local", readOnly: true },
      { id: "openai", readOnly: true, defaultModel: "from-the-file", obfuscatedApiKey: "sk-…0001" },
      { id: "other", readOnly: true, displayName: "price: $".concat("{5}") },
    ]);
    expect(await call("RoutesService/ListRoutes")).toMatchObject({
      routes: [{ name: "quiet", readOnly: true, route: { strategy: "STRATEGY_PARALLEL" } }],
    });
    const ran = await call("AgentService/Run", { route: { name: "quiet" }, messages: [{ text: "hush" }] });
    expect(ran).toMatchObject({ text: "hush", routeResult: { provider: "other" } });
    const large = await call("AgentService/Run", { route: { name: "quiet" }, messages: [{ text: "x".repeat(3000) }] });
    expect(large).toMatchObject({ code: "resource_exhausted" });
  });

  test("shows a stored provider in place of one of the file", async () => {
    await using gateway = await startGateway({ env: env() });
    await createProvider(gateway.url, { id: "other", kind: "local", displayName: "stored" }, headers);
    const call = callsOf(gateway);
    expect(await call("ProvidersService/GetProvider", { id: "other" })).toMatchObject({
      provider: { displayName: "stored" },
    });
    await call("ProvidersService/DeleteProvider", { id: "other" });
    expect(await call("ProvidersService/GetProvider", { id: "other" })).toMatchObject({ provider: { readOnly: true } });
  });
});

describe("the JSON Schema", () => {
  const schema = async () => {
    const { stdout } = await livellm(["check-config", "--schema"]);
    return JSON.parse(stdout) as { properties: { settings: { properties: object } } };
  };

  test("has every setting but the one that names the file", async () => {
    const names = Object.keys((await schema()).properties.settings.properties);
    expect([...names, "LIVELLM_CONFIG"].sort()).toEqual(Object.keys(variables).sort());
  });

  test("takes what the gateway takes, and refuses what it refuses", async () => {
    const validate = new Ajv2020({ allErrors: true }).compile(await schema());
    const example = codeBlocks("docs/configuration.md").find(({ language }) => language === "yaml");
    expect([validate(parse(example?.text ?? "")), validate.errors]).toEqual([true, null]);
    expect(validate(parse(bad))).toBe(false);
    const places = new Set(validate.errors?.map(({ instancePath }) => instancePath));
    for (const place of ["", "/settings", "/settings/PORT", "/settings/LIVELLM_ADMIN_TOKEN", "/providers/0/id"])
      expect(places).toContain(place);
    for (const place of ["/providers/0/api_key", "/providers/2/disabled", "/routes/0/route/attempt_timeout"])
      expect(places).toContain(place);
  });
});

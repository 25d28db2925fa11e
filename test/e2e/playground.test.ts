import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildWeb } from "../../scripts/build-web.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { Listening } from "../../src/transport/listener.ts";
import { notInstalled } from "../providers/local/engine.ts";
import { type ChatVendor, chunk, startChatVendor } from "../support/chat-vendor.ts";
import { chromium, describeWith, type ForeignTool } from "../support/foreign-tools.ts";
import { type Gateway, projectRoot, startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { type PageBrowser, startPageBrowser, type Visit } from "../support/page-browser.ts";
import { startPlaygroundServer } from "../support/playground-server.ts";
import { type Asked, tone, toneAudio } from "../support/tone-audio.ts";
import type { Transcription } from "../transport/echo-services.ts";

const timeout = { timeout: 5_000 };

describe("the page's files", () => {
  let gateway: Gateway;

  beforeAll(async () => {
    await buildWeb();
    gateway = await startGateway();
  });
  afterAll(() => gateway.stop());

  test.each([
    ["", "text/html; charset=utf-8", "<title>livellm playground</title>"],
    ["/", "text/html; charset=utf-8", "<title>livellm playground</title>"],
    ["/main.js", "text/javascript; charset=utf-8", "AudioWorkletNode"],
    ["/microphone-worklet.js", "text/javascript; charset=utf-8", "registerProcessor"],
    ["/style.css", "text/css; charset=utf-8", "color-scheme"],
  ])("/playground%s is served, with a policy that lets nothing in from elsewhere", async (file, type, content) => {
    const response = await fetch(`${gateway.url}/playground${file}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const text = await response.text();
    expect(text.includes(content)).toBe(true);
    expect(/(?:src|href|import|url)[ =("']+https?:/.exec(text)?.[0]).toBeUndefined();
  });

  test("an unchanged file is not sent again", async () => {
    const etag = (await fetch(`${gateway.url}/playground/main.js`)).headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await fetch(`${gateway.url}/playground/main.js`, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const other = await fetch(`${gateway.url}/playground/main.js`, { headers: { "if-none-match": '"other"' } });
    expect(other.status).toBe(200);
    await other.text();
  });

  test("HEAD has no body; other methods and other paths are not the page's", async () => {
    const head = await fetch(`${gateway.url}/playground`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const [file, method] of [
      ["/none.js", "GET"],
      ["/../package.json", "GET"],
      ["/toString", "GET"],
      ["", "POST"],
    ]) {
      const response = await fetch(`${gateway.url}/playground${file}`, { method });
      expect([file, response.status, response.headers.get("content-type")]).toEqual([
        file,
        404,
        "application/problem+json",
      ]);
      await response.text();
    }
  });

  test("a page that was not built is said to be missing", async () => {
    const folder = temporaryFolder();
    const server = await startPlaygroundServer({ folder, audio: toneAudio(() => undefined), transcription: counting });
    const response = await fetch(`${server.url}/playground`);
    expect([response.status, await response.text()]).toMatchObject([404, expect.stringContaining("npm run build:web")]);
    await server.close(0);
    rmSync(folder, { recursive: true });
  });
});

/** One interim and one final segment for every second that it hears. */
const counting: Transcription = {
  async *transcribeStream(requests) {
    let bytes = 0;
    let rate = 0;
    let index = 0;
    for await (const { input } of requests) {
      if (input.case === "start") {
        rate = input.value.format?.sampleRateHertz ?? 0;
        if (input.value.config?.languageCode === "xx") {
          throw new LivellmError("failed_precondition", "unsupported", "nobody speaks that here");
        }
        yield { event: { case: "started", value: { routeResult: { provider: "hum", model: "ears" } } } };
      }
      if (input.case !== "audio") continue;
      bytes += input.value.data.length;
      const seconds = bytes / 2 / rate;
      if (seconds > index * 0.3 + 0.15) yield segment(index, "a guess", false);
      if (seconds > index * 0.3 + 0.3) yield segment(index++, `piece ${index}`, true);
    }
    yield segment(index, "the last words", true);
    const usage = { inputAudioMs: Math.round((bytes / 2 / rate) * 1000) };
    const routeResult = { provider: "hum", model: "ears" };
    yield { event: { case: "finished", value: { text: "all of it", usage, routeResult } } };
  },
};

function segment(index: number, text: string, isFinal: boolean) {
  return { event: { case: "segment" as const, value: { index, text, isFinal } } };
}

describeWith(chromium, "the playground in Chromium", () => {
  let browser: PageBrowser;
  let gateway: Gateway;
  let vendor: ChatVendor;

  beforeAll(async () => {
    await buildWeb();
    browser = await startPageBrowser();
    gateway = await startGateway();
    vendor = await startChatVendor();
    await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
    await gateway.stop();
  });

  describe("with a gateway that wants a token", () => {
    const adminToken = "administrator-of-the-page";

    test.each(["the administrator's", "a caller's"])("takes %s, for this tab alone", async (whose) => {
      await using guarded = await startGateway({ env: { LIVELLM_ADMIN_TOKEN: adminToken } });
      const secret = whose === "a caller's" ? await createToken(guarded.url) : adminToken;
      const { page } = await browser.visit(`${guarded.url}/playground`);
      await page
        .getByRole("alert")
        .getByText(/needs a token/)
        .waitFor(timeout);
      await page.getByLabel("Token").fill(secret);
      await page.getByRole("button", { name: "Use" }).click();
      await page.locator("#chat-provider option[value=local]").waitFor({ state: "attached", ...timeout });
      expect(await page.getByRole("alert").count()).toBe(0);
      await page.locator("#chat-model").fill("echo");
      await page.getByLabel("Your message").fill("Let me in");
      await page.getByRole("button", { name: "Send" }).click();
      await page
        .locator("#chat-log .turn")
        .last()
        .getByText(/first output after/)
        .waitFor(timeout);
      const kept = await page.evaluate("[Object.keys(localStorage), Object.values(sessionStorage), document.cookie]");
      expect(kept).toEqual([[], [secret], ""]);
      const { page: other } = await browser.visit(`${guarded.url}/playground`);
      await other
        .getByRole("alert")
        .getByText(/needs a token/)
        .waitFor(timeout);
    });

    async function createToken(url: string): Promise<string> {
      const response = await fetch(`${url}/livellm.v1.AccessService/CreateToken`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${adminToken}` },
        body: '{"token": {}}',
      });
      return String(((await response.json()) as { readonly secret: string }).secret);
    }
  });

  describe("chats", () => {
    let visit: Visit;

    beforeEach(async () => {
      visit = await browser.visit(`${gateway.url}/playground`);
      await visit.page.locator("#chat-provider option[value=vendor]").waitFor({ state: "attached" });
    });

    const say = async (text: string, provider = "local", model = "echo") => {
      const { page } = visit;
      await page.locator("#chat-provider").selectOption(provider);
      await page.locator("#chat-model").fill(model);
      await page.getByLabel("Your message").fill(text);
      await page.getByLabel("Your message").press("Enter");
    };
    const lastTurn = () => visit.page.locator("#chat-log .turn").last();

    test("with the model echo, which is chosen to begin with, and remembers the conversation", async () => {
      const { page, problems } = visit;
      await page.getByLabel("Your message").fill("Good morning, gateway");
      await page.getByRole("button", { name: "Send" }).click();
      await lastTurn()
        .getByText(/local echo · first output after .* in all · .*tokens/)
        .waitFor(timeout);
      expect(await lastTurn().locator(".text").textContent()).toBe("Good morning, gateway");
      await say("And again");
      await page.locator("#chat-log .turn").nth(3).getByText("in all").waitFor(timeout);
      expect(await page.locator("#chat-log .turn").count()).toBe(4);
      await page.getByRole("button", { name: "New conversation" }).click();
      expect(await page.locator("#chat-log .turn").count()).toBe(0);
      expect(problems).toEqual([]);
    });

    test("suggests the models that can do it", async () => {
      const { page } = await browser.visit(`${gateway.url}/playground`);
      await page.locator("#chat-provider option[value=local]").waitFor({ state: "attached" });
      for (const [section, suggested] of Object.entries({ chat: ["echo"], speak: ["flite"], talk: ["echo"] })) {
        await page.goto(`${gateway.url}/playground#${section}`);
        await page.locator(`#${section}-provider`).selectOption("local");
        await page.locator(`#${section}-model`).focus();
        const options = page.locator(`#${section}-models option`);
        await options.first().waitFor({ state: "attached", ...timeout });
        expect(await options.evaluateAll((all) => all.map((one) => one.getAttribute("value")))).toEqual(suggested);
      }
    });

    test("word by word, sends the history, and shows text as text", async () => {
      const nextCall = vendor.nextCall();
      await say("first question", "vendor", "m-1");
      const first = await nextCall;
      first.begin();
      first.send(chunk({ content: "Half of " }));
      await lastTurn().getByText("Half of").waitFor(timeout);
      expect(await visit.page.locator("#chat-log").getAttribute("aria-busy")).toBe("true");
      first.send(chunk({ content: "<b onclick=alert(1)>it</b>" }));
      first.send(chunk({}, "stop"));
      first.send("[DONE]");
      first.end();
      await lastTurn().getByText("in all").waitFor(timeout);
      expect(await lastTurn().locator(".text").textContent()).toBe("Half of <b onclick=alert(1)>it</b>");
      expect(await lastTurn().locator("b").count()).toBe(0);
      await say("second question", "vendor", "m-1");
      const second = await vendor.nextCall();
      const { messages } = JSON.parse(second.body) as { messages: { role: string }[] };
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
      second.cut();
    });

    test("stops when told to, and the vendor is let go", async () => {
      await say("talk for ever", "vendor", "m-1");
      const call = await vendor.nextCall();
      call.begin();
      call.send(chunk({ content: "On and on" }));
      await lastTurn().getByText("On and on").waitFor(timeout);
      await visit.page.getByRole("button", { name: "Stop" }).click();
      await call.closed;
      await lastTurn().getByText("Stopped.").waitFor(timeout);
      expect(await visit.page.getByRole("button", { name: "Send" }).isEnabled()).toBe(true);
    });

    test("says that an answer is incomplete when its stream breaks", async () => {
      await say("break", "vendor", "m-1");
      const call = await vendor.nextCall();
      call.begin();
      call.send(chunk({ content: "I was about to" }));
      await lastTurn().getByText("I was about to").waitFor(timeout);
      call.cut();
      const alert = lastTurn().getByRole("alert");
      await alert.waitFor(timeout);
      expect(await alert.textContent()).toMatch(
        /^unavailable: .*The answer is incomplete.*vendor m-1 failed.*request /s,
      );
    });

    test("shows what was tried before, and the error when nothing answers", async () => {
      const { page } = visit;
      await page.getByText("Instructions and fallback").click();
      await page.locator("#chat-fallback-provider").selectOption("local");
      await page.locator("#chat-fallback-model").fill("echo");
      await say("hello", "vendor", "m-1");
      (await vendor.nextCall()).reply(500, { error: { message: "melted" } });
      await lastTurn().getByText("in all").waitFor(timeout);
      expect(await lastTurn().textContent()).toMatch(/vendor m-1 failed after .*melted.*local echo answered/s);
      await page.locator("#chat-fallback-provider").selectOption("");
      await say("hello", "vendor", "m-1");
      (await vendor.nextCall()).reply(500, { error: { message: "melted" } });
      await lastTurn().getByRole("alert").waitFor(timeout);
      expect(await page.getByLabel("Your message").inputValue(), "what was not answered can be sent again").toBe(
        "hello",
      );
    });

    test("shows a refused request with the field", async () => {
      await say("x", "vendor", "m".repeat(300));
      await lastTurn().getByRole("alert").waitFor(timeout);
      expect(await lastTurn().textContent()).toMatch(/invalid argument: .*route\.targets\[0\]\.model/s);
    });

    test("on a phone, without scrolling sideways, in the dark, and lists the providers", async () => {
      const phone = await browser.visit(`${gateway.url}/playground#providers`, { width: 360, height: 640 });
      await phone.page.emulateMedia({ colorScheme: "dark" });
      await phone.page.getByText("kind openai-compatible").waitFor(timeout);
      for (const section of ["Chat", "Speak", "Transcribe", "Talk", "Providers"]) {
        await phone.page.getByRole("link", { name: section }).click();
        await phone.page.getByRole("heading", { name: section, exact: true }).waitFor(timeout);
        expect(await phone.page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
      }
      expect(await phone.page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(22, 24, 28)");
    });
  });

  describe("with services for speech", () => {
    let server: Listening;
    let folder: string;
    let asked: Asked | undefined;

    beforeAll(async () => {
      folder = temporaryFolder();
      await buildWeb(folder);
      const audio = toneAudio((what) => {
        asked = what;
      });
      server = await startPlaygroundServer({ folder, audio, transcription: counting });
    });
    afterAll(async () => {
      await server.close(0);
      rmSync(folder, { recursive: true });
    });

    test("speaks while the audio comes, and hands it out as a WAV file", async () => {
      const { page, problems } = await browser.visit(`${server.url}/playground#speak`);
      await page.locator("#speak-voices option[value=alto]").waitFor({ state: "attached" });
      await page.locator("#speak-voice").fill("alto");
      await page.getByLabel("Text to speak").fill("one two three");
      await page.getByRole("button", { name: "Speak" }).click();
      await page.getByText("Speaking …").waitFor(timeout);
      await page.getByText(/hum m · first output after .* 13 characters/).waitFor(timeout);
      await page.getByText("option-ignored: there is no mood in a hum").waitFor(timeout);
      const link = page.getByRole("link", { name: "Download WAV" });
      await link.waitFor(timeout);
      const download = page.waitForEvent("download");
      await link.click();
      const wav = readFileSync(await (await download).path());
      expect(wav.length).toBe(44 + 3 * tone(100).length);
      expect(wav.toString("latin1", 0, 4) + wav.toString("latin1", 8, 16)).toBe("RIFFWAVEfmt ");
      expect([wav.readUInt32LE(24), wav.readUInt16LE(34), wav.readUInt32LE(40)]).toEqual([24_000, 16, wav.length - 44]);
      expect(wav.subarray(44).equals(Buffer.concat([tone(100), tone(100), tone(100)]))).toBe(true);
      expect(asked).toEqual({ voice: "alto" });
      expect(problems).toEqual([]);
    });

    test("says when a speech breaks off, and keeps what was heard", async () => {
      const { page } = await browser.visit(`${server.url}/playground#speak`);
      await page.getByLabel("Text to speak").fill("please break now");
      await page.getByRole("button", { name: "Speak" }).click();
      await page.getByText("unavailable: the voice broke").waitFor(timeout);
      await page.getByText("The speech is incomplete.").waitFor(timeout);
      await page.getByRole("link", { name: "Download WAV" }).waitFor(timeout);
    });

    test("writes down the microphone: guesses first, then what is final, and the last words after the stop", async () => {
      const { page, problems } = await browser.visit(`${server.url}/playground#transcribe`);
      await page.getByRole("button", { name: "Start microphone" }).click();
      await page.getByText("hum ears is listening …").waitFor(timeout);
      await page.locator("#transcribe-text .interim").getByText("a guess").waitFor(timeout);
      await page.locator("#transcribe-text p:not(.interim)").getByText("piece 2").waitFor(timeout);
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByText("the last words").waitFor(timeout);
      await page.getByText(/hum ears · .* ms of audio in/).waitFor(timeout);
      const heard = await page.locator("#transcribe-report").textContent();
      // The clock of the audio is the page's own: what it heard is what went by.
      expect(Number(/(\d+) ms of audio in/.exec(heard ?? "")?.[1])).toBeGreaterThan(550);
      expect(problems).toEqual([]);
    });

    test("shows why a live transcription was refused", async () => {
      const { page } = await browser.visit(`${server.url}/playground#transcribe`);
      await page.getByLabel("Language").fill("xx");
      await page.getByRole("button", { name: "Start microphone" }).click();
      await page.getByText("failed precondition: nobody speaks that here").waitFor(timeout);
      expect(await page.getByRole("button", { name: "Start microphone" }).isEnabled()).toBe(true);
    });

    test("writes down a file", async () => {
      const { page, problems } = await browser.visit(`${server.url}/playground#transcribe`);
      const file = path.join(folder, "said.wav");
      writeFileSync(file, Buffer.alloc(5_000_000));
      await page.locator("#transcribe-file").setInputFiles(file);
      await page.locator("#transcribe-text").getByText("5000000 bytes").waitFor(timeout);
      expect(asked?.file).toMatchObject({ bytes: 5_000_000, mimeType: expect.stringMatching(/^audio\/(x-)?wav$/) });
      expect(problems).toEqual([]);
    });
  });
});

const engine: ForeignTool = { program: "the local engine", missing: chromium.missing ?? notInstalled };

describeWith(engine, "the playground with the local engine alone", () => {
  const sentence = "The quick brown fox jumps over the lazy dog. Please send the report to my office tomorrow morning.";
  let gateway: Gateway;
  let browser: PageBrowser;
  let folder: string;
  let said: string;

  beforeAll(async () => {
    await buildWeb();
    gateway = await startGateway({
      env: { LIVELLM_LOCAL_ENGINE: process.env.LIVELLM_LOCAL_ENGINE || path.join(projectRoot, ".local-engine") },
    });
    const { body } = await callJson(gateway.url, "AudioService/Speak", {
      route: { targets: [{ provider: "local", model: "flite" }] },
      text: sentence,
      config: { format: { mimeType: "audio/wav", sampleRateHertz: 48_000 } },
    });
    folder = temporaryFolder();
    said = path.join(folder, "said.wav");
    writeFileSync(said, Buffer.from(String(body.audio), "base64"));
    browser = await startPageBrowser(said);
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await gateway.stop();
    rmSync(folder, { recursive: true });
  });

  test("speaks", async () => {
    const { page, problems } = await browser.visit(`${gateway.url}/playground#speak`);
    await page.locator("#speak-voices option[value=slt]").waitFor({ state: "attached" });
    await page.getByLabel("Text to speak").fill("Hello.");
    await page.getByRole("button", { name: "Speak" }).click();
    await page.getByText(/local flite · .* 6 characters · \d+ ms of audio out/).waitFor({ timeout: 20_000 });
    await page.getByRole("link", { name: "Download WAV" }).waitFor(timeout);
    expect(problems).toEqual([]);
  });

  test("writes down what is said into the microphone, while it is said", async () => {
    const { page, problems } = await browser.visit(`${gateway.url}/playground#transcribe`);
    await page.locator("#transcribe-provider option[value=local]").waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Start microphone" }).click();
    const text = page.locator("#transcribe-text");
    await text.getByText(/lazy dog/i).waitFor({ timeout: 20_000 });
    expect(await page.getByRole("button", { name: "Stop" }).isVisible(), "it still listens").toBe(true);
    await text.getByText(/tomorrow/i).waitFor({ timeout: 20_000 });
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText(/local moonshine-tiny · .* ms of audio in/).waitFor({ timeout: 20_000 });
    expect(wordsMissing(sentence, await text.innerText())).toBeLessThanOrEqual(2); // of 18
    expect(problems).toEqual([]);
  });

  test("talks: what the microphone hears is answered aloud, both sides are written down, and it ends when it is told to", async () => {
    await using talker = await startPageBrowser(said);
    const { page, problems } = await talker.visit(`${gateway.url}/playground#talk`);
    await page.locator("#talk-provider option[value=local]").waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Start talking" }).click();
    const turns = page.locator("#talk-log .turn");
    await turns
      .filter({ hasText: "Model" })
      .getByText(/lazy dog/i)
      .waitFor({ timeout: 20_000 });
    expect(await turns.first().innerText()).toMatch(/^You\s+.*lazy dog/i);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText(/local echo · first output after .* ms of audio out/).waitFor({ timeout: 20_000 });
    expect(await page.getByRole("button", { name: "Start talking" }).isEnabled()).toBe(true);
    expect(problems).toEqual([]);
  });

  test("a conversation that is refused says why", async () => {
    const { page } = await browser.visit(`${gateway.url}/playground#talk`);
    await page.locator("#talk-provider option[value=local]").waitFor({ state: "attached" });
    await page.locator("#talk-model").fill("flite");
    await page.getByRole("button", { name: "Start talking" }).click();
    await page
      .locator("#talk-report")
      .getByText(/the provider local has no live model flite; it has echo/)
      .first()
      .waitFor(timeout);
    expect(await page.getByRole("button", { name: "Start talking" }).isEnabled()).toBe(true);
  });
});

function wordsMissing(said: string, written: string): number {
  const words = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? [];
  const found: readonly string[] = words(written);
  return words(said).filter((word) => !found.includes(word)).length;
}

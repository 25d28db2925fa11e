import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import path from "node:path";
import { headerOf, type NodeRequest, type NodeResponse, pathOf } from "./node-http.ts";

/** The page under `/playground`: a client of the gateway in the browser. */
interface Playground {
  /** Serves a request for one of its files; false for every other, which is left alone. */
  serve(request: NodeRequest, response: NodeResponse): boolean;
}

/** One file, held in memory: together they are small. */
interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "main.js": "text/javascript; charset=utf-8",
  "microphone-worklet.js": "text/javascript; charset=utf-8",
};

const headers: Readonly<Record<string, string>> = {
  // Nothing from elsewhere, nothing inline: what a model says cannot become a script. blob: is for images it has made.
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "permissions-policy": "microphone=(self), camera=(), geolocation=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // Asked for anew each time, and sent only when it has changed.
  "cache-control": "no-cache",
};

/**
 * Reads the page that `npm run build:web` has made. Where there is none, a request for it is told so; the gateway does
 * not need it.
 */
export function createPlayground(folder: string = builtFolder()): Playground {
  const files = readFiles(folder);
  return {
    serve(request, response) {
      const name = fileNameOf(pathOf(request));
      if (name === undefined || (request.method !== "GET" && request.method !== "HEAD")) return false;
      // A client that goes away is no fault of this server, and must not become an uncaught error.
      request.on("error", ignore);
      response.on("error", ignore);
      const file = files.get(name);
      if (file) sendFile(request, response, file);
      else sendMissing(response);
      return true;
    },
  };
}

function ignore(): void {}

/** `dist/web` of this package, whether it runs from its sources or from what tsc has made of them. */
function builtFolder(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) throw new Error("this file belongs to no package");
  return path.join(path.dirname(manifest), "dist/web");
}

function readFiles(folder: string): ReadonlyMap<string, PageFile> {
  const there = Object.entries(contentTypes).filter(([name]) => existsSync(path.join(folder, name)));
  return new Map(
    there.map(([name, contentType]) => {
      const body = readFileSync(path.join(folder, name));
      const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
      return [name, { contentType, body, etag }];
    }),
  );
}

function fileNameOf(requested: string): string | undefined {
  if (requested === "/playground" || requested === "/playground/") return "index.html";
  const name = requested.startsWith("/playground/") ? requested.slice("/playground/".length) : "";
  return Object.hasOwn(contentTypes, name) ? name : undefined;
}

function sendFile(request: NodeRequest, response: NodeResponse, { contentType, body, etag }: PageFile): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader("etag", etag);
  if (headerOf(request, "if-none-match")?.includes(etag)) {
    response.writeHead(304);
    response.end();
    return;
  }
  response.setHeader("content-type", contentType);
  response.setHeader("content-length", body.length);
  response.writeHead(200);
  if (request.method === "HEAD") response.end();
  else response.end(body);
}

function sendMissing(response: NodeResponse): void {
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.writeHead(404);
  response.end("The playground has not been built: run `npm run build:web` and start the gateway again.\n");
}

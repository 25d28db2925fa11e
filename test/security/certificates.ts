import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ForeignTool } from "../support/foreign-tools.ts";

const program = "openssl";

export const openssl: ForeignTool = {
  program,
  missing: spawnSync(program, ["version"]).status === 0 ? undefined : "openssl is not installed",
};

/** A certificate with its key, as files and as PEM. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const serverExtensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
const clientExtensions = "extendedKeyUsage=clientAuth\n";

/** An authority whose certificate is its own. */
export function makeAuthority(folder: string, name: string): Certificate {
  const files = filesOf(folder, name);
  const self = ["-x509", "-days", "2", "-subj", `/CN=${name}`, "-out", files.certFile];
  runOpenssl(["req", ...newKey(files.keyFile), ...self]);
  return withText(files);
}

/** A certificate for `localhost`, or for a client, of an authority. */
export function makeCertificate(authority: Certificate, name: string, use: "server" | "client", days = 2): Certificate {
  const folder = path.dirname(authority.certFile);
  const files = filesOf(folder, name);
  const [request, extensions] = [path.join(folder, `${name}.csr`), path.join(folder, `${name}.ext`)];
  writeFileSync(extensions, use === "server" ? serverExtensions : clientExtensions);
  runOpenssl(["req", ...newKey(files.keyFile), "-subj", `/CN=${name}`, "-out", request]);
  const signer = ["-CA", authority.certFile, "-CAkey", authority.keyFile, "-CAcreateserial", "-days", String(days)];
  runOpenssl(["x509", "-req", "-in", request, ...signer, "-extfile", extensions, "-out", files.certFile]);
  return withText(files);
}

/** Puts a certificate in the place of another as tools that renew them do: beside it, then by renaming. */
export function replaceFile(file: string, by: string): void {
  copyFileSync(by, `${file}.new`);
  renameSync(`${file}.new`, file);
}

function filesOf(folder: string, name: string) {
  return { certFile: path.join(folder, `${name}.pem`), keyFile: path.join(folder, `${name}.key`) };
}

function newKey(file: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file];
}

function withText(files: { readonly certFile: string; readonly keyFile: string }): Certificate {
  return { ...files, cert: readFileSync(files.certFile, "utf8"), key: readFileSync(files.keyFile, "utf8") };
}

function runOpenssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, [...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}

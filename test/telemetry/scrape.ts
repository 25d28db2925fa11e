/** One line of Prometheus's text. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What `/metrics` tells, read as Prometheus reads it. */
export interface Scrape {
  readonly samples: readonly Sample[];
  /** By the name of the metric: `counter`, `gauge` or `histogram`. */
  readonly types: ReadonlyMap<string, string>;
  /** The sum of all samples of this name that have these labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
}

export async function scrape(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, { headers, signal: AbortSignal.timeout(20_000) });
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${await response.text()}`);
  return readScrape(await response.text());
}

/** Throws at a line that is none of the format's. */
export function readScrape(text: string): Scrape {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1] && type[2]) types.set(type[1], type[2]);
    else if (!/^# HELP \S+ \S/.test(line)) samples.push(readSample(line));
  }
  const fits = (sample: Sample, labels: Readonly<Record<string, string>>) =>
    Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
  const value: Scrape["value"] = (name, labels = {}) =>
    samples.filter((sample) => sample.name === name && fits(sample, labels)).reduce((sum, each) => sum + each.value, 0);
  return { samples, types, value };
}

function readSample(line: string): Sample {
  const [, name, , inBraces = "", value] = /^([a-zA-Z_:][\w:]*)(\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`);
  return { name, labels: readLabels(inBraces), value: Number(value) };
}

function readLabels(text: string): Record<string, string> {
  const labels = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/g)];
  if (labels.map(([whole]) => whole).join("") !== text) throw new Error(`no labels: ${text}`);
  const plain = (value: string) => value.replaceAll(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
  return Object.fromEntries(labels.map(([, name = "", value = ""]) => [name, plain(value)]));
}

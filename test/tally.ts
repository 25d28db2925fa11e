import type { Reporter, TestModule } from "vitest/node";

/** The last line of every run: plain counts, for people and for log readers. */
export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    let broken = errors.length;
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state]++;
      if (module.errors().length > 0) broken++; // a file that did not even load
    }
    // After the default reporter's own summary, whichever order the two are called in.
    process.once("exit", () => {
      process.stdout.write(
        `${counts.passed} passed, ${counts.failed + broken} failed, ${counts.skipped + counts.pending} skipped\n`,
      );
    });
  }
}

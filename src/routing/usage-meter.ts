import type { Usage } from "../core/usage.ts";

/**
 * Estimates what an attempt has consumed that ends without saying so: a stream that broke off, or one that was cut because
 * another was faster.
 */
export interface UsageMeter<T> {
  /** Called for every output: no work beyond keeping it. */
  see(output: T): void;
  estimate(): Usage;
}

/** What the store tells the operator, in whole sentences. */
export interface StoreLog {
  readonly warn: (message: string) => void;
  readonly info: (message: string) => void;
}

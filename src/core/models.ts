/** A model as its provider lists it; what the provider does not say is absent. */
export interface ListedModel {
  readonly id: string;
  readonly displayName?: string;
  readonly aliases?: readonly string[];
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly retireTime?: Date;
}

/** Lists the models of a provider; also how a provider's address and key are checked without spending tokens. */
export interface Models {
  list(signal: AbortSignal): Promise<readonly ListedModel[]>;
}

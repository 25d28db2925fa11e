/** Whether a model's name fits a pattern in which `*` stands for any characters. */
export function fitsPattern(model: string, pattern: string): boolean {
  if (!pattern.includes("*")) return model === pattern;
  const source = pattern
    .split("*")
    .map((piece) => piece.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${source}$`, "s").test(model);
}

/** Whether a provider's lists let a model be used. */
export function isModelAllowed(
  model: string,
  lists: { readonly allowedModels: readonly string[]; readonly blockedModels: readonly string[] },
): boolean {
  const fits = (pattern: string) => fitsPattern(model, pattern);
  return (lists.allowedModels.length === 0 || lists.allowedModels.some(fits)) && !lists.blockedModels.some(fits);
}

/**
 * The `keys` port: secrets that the platform makes for itself on the first start and keeps in one file (mode 0600).
 * Nothing is defaulted: a missing key is generated, a readable-by-others file stops the start. Processes of one data folder
 * share it; those of other machines need a copy of it before their first start, or they make secrets of their own.
 */
export interface Keys {
  /** The secret of this name, at least 32 random bytes; made and stored durably when it does not exist yet. */
  secret(name: string): Promise<Uint8Array>;
}

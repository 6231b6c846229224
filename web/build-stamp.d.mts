/** SHA-256 over the names and bytes of everything the bundle is made from. */
export function inputsHash(): string;
/** True when web/dist was built from exactly these inputs. */
export function isFresh(): boolean;
export function writeStamp(hash: string): void;

/**
 * The `mail` port. Adapters: mail-mailbox.ts keeps every mail on this machine for the mailbox page (the default, and
 * called simulated wherever it shows), one for all processes of a data folder; mail-smtp.ts sends.
 */
export interface MailMessage {
  /** Sending the same id twice delivers once. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface KeptMail extends MailMessage {
  readonly sentAt: Date;
}

export interface Mail {
  /** Resolves when the next hop, or the mailbox on disk, has it. Throws when neither took it; the caller tries again. */
  send(message: MailMessage): Promise<void>;
  /** The local mailbox; undefined when mail is really sent. */
  readonly mailbox?: {
    /** Newest first; all when `to` is undefined; at most `limit` after the mail `afterId`. */
    list(to: string | undefined, limit: number, afterId?: string): Promise<KeptMail[]>;
  };
  ping(): Promise<number>;
}

/** Search answers mark what matched with <mark>; nothing else of the text is ever treated as markup. */
export interface Piece {
  readonly text: string;
  readonly marked: boolean;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&', '#39': "'", '#x27': "'" };

export function piecesOf(highlight: string): Piece[] {
  return highlight.split(/(<mark>.*?<\/mark>)/s).flatMap((part) => {
    const marked = part.startsWith('<mark>') && part.endsWith('</mark>');
    const text = withoutEntities(marked ? part.slice(6, -7) : part);
    return text === '' ? [] : [{ text, marked }];
  });
}

function withoutEntities(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|amp|#39|#x27);/g, (whole, name: string) => entities[name] ?? whole);
}

/** Author's HTML, already sanitised by the platform, made to fit narrow screens: a wide table scrolls in a frame of its own. */
export function framed(html: string): string {
  return html
    .replaceAll(/<table(?=[\s>])/g, '<div class="prose-frame"><table')
    .replaceAll('</table>', '</table></div>');
}

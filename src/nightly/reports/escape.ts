/**
 * Text of unknown origin in documents. Names and messages come from engines, databases and files: they are shown as
 * text, whatever they hold.
 */

/** Not allowed in XML 1.0, even escaped (section 2.2, Char): control characters, lone surrogates, U+FFFE, U+FFFF. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For the text and the quoted attributes of XML and HTML. */
export function markupText(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** For an attribute of XML: a parser would turn line breaks and tabs into spaces. */
export function xmlAttribute(text: string): string {
  return markupText(text).replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

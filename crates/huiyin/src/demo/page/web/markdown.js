// The part of Feishu's card markdown that cards use: bold, mentions and entities. It makes nodes, never markup, so
// whatever a customer calls himself can only ever be text.

import { el } from './dom.js'

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }
const MENTION = /<at (?:id|user_id)="?([^\s">]+)"?>[^<]*<\/at>/
const MARKS = new RegExp(`${MENTION.source}|\\*\\*(.+?)\\*\\*`, 'gs')

/** Nodes for a card's markdown. `nameOf` gives the name to an id. */
export function markdown (source, nameOf) {
  const nodes = []
  let done = 0
  for (const match of source.matchAll(MARKS)) {
    const [whole, id, bold] = match
    nodes.push(plain(source.slice(done, match.index)))
    nodes.push(id ? el('span', { class: 'mention', text: `@${nameOf(id)}` }) : el('b', { text: entities(bold) }))
    done = match.index + whole.length
  }
  nodes.push(plain(source.slice(done)))
  return nodes
}

function plain (text) {
  return document.createTextNode(entities(text))
}

/** Entities are read last: what they stand for is text, and never a mark. */
function entities (text) {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name) return NAMED[name.toLowerCase()] ?? whole
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

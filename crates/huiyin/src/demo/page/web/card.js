// One card, drawn from its card JSON 2.0. What is not known is drawn as nothing rather than guessed.

import { el } from './dom.js'
import { markdown } from './markdown.js'
import { COLOUR } from './words.js'

/** A card's node. `press(index, confirm, option)` is called with the place of a button or menu among those that call back. */
export function cardNode (card, { nameOf, as, press }) {
  const counter = { buttons: 0 }
  const elements = card.body?.elements ?? card.elements ?? []
  return el('div', { class: isOpen(card) ? 'card' : 'card closed' },
    header(card.header),
    elements.length ? el('div', { class: 'card-body' }, ...elements.map(element => draw(element, { nameOf, as, press, counter }))) : '')
}

/** Whether a card waits for somebody: it has a level's colour, and a button to press. */
export function isOpen (card) {
  return callbackButtons(card) > 0 && card.header?.template !== 'default'
}

/** How many buttons of a card call back. */
function callbackButtons (card) {
  const count = node => {
    const own = (node.tag === 'button' || node.tag === 'select_static') && callsBack(node) ? 1 : 0
    return [...(node.elements ?? []), ...(node.columns ?? []), ...(node.actions ?? [])]
      .reduce((sum, child) => sum + count(child), own)
  }
  return card ? count({ elements: card.body?.elements ?? card.elements ?? [] }) : 0
}

function callsBack (button) {
  return button.behaviors?.some(behavior => behavior.type === 'callback') || button.value !== undefined
}

function header (head) {
  if (!head) return ''
  const tags = (head.text_tag_list ?? []).map(tag =>
    el('span', { class: `tag c-${colour(tag.color)}`, text: tag.text?.content ?? '' }))
  return el('div', { class: `card-head c-${colour(head.template)}` },
    el('h4', { text: head.title?.content ?? '' }), ...tags)
}

/** A class of colours.css; anything else would be a class of a stranger's choosing. */
function colour (name) {
  if (name === 'default') return 'none'
  return Object.hasOwn(COLOUR, name) ? name : 'grey'
}

function draw (element, how) {
  switch (element.tag) {
    case 'markdown':
      return el('p', { class: element.text_size === 'notation' ? 'small' : null }, ...markdown(element.content ?? '', how.nameOf))
    case 'div':
      return div(element.text, how)
    case 'button':
      return button(element, how)
    case 'select_static':
      return menu(element, how)
    case 'collapsible_panel':
      return panel(element, how)
    case 'hr':
      return el('hr')
    case 'img':
      return el('img', { class: 'card-image', src: `/api/images/${encodeURIComponent(element.img_key ?? '')}`, alt: element.alt?.content ?? '' })
    default:
      return el('div', {}, ...[...(element.elements ?? []), ...(element.columns ?? []), ...(element.actions ?? [])]
        .map(child => draw(child, how)))
  }
}

/** What is folded stays folded until somebody wants to see it, as in the Feishu client. */
function panel (element, how) {
  return el('details', { open: element.expanded === true },
    el('summary', { text: element.header?.title?.content ?? '' }),
    ...(element.elements ?? []).map(child => draw(child, how)))
}

function div (text, how) {
  if (text?.tag === 'lark_md') return el('p', {}, ...markdown(text.content ?? '', how.nameOf))
  return el('p', { class: 'quote', text: text?.content ?? '' })
}

/** What is chosen is sent at once; then it asks again. */
function menu (element, { as, press, counter }) {
  if (!callsBack(element)) return ''
  const index = counter.buttons++
  const options = (element.options ?? []).map(option => el('option', { value: option.value, text: option.text?.content ?? '' }))
  const chosen = event => {
    const option = event.target.value
    event.target.value = ''
    if (option) press(index, element.confirm, option)
  }
  return el('div', { class: 'card-button' },
    el('select', { change: chosen }, el('option', { value: '', text: element.placeholder?.content ?? '' }), ...options),
    el('small', { text: as }))
}

function button (element, { as, press, counter }) {
  if (!callsBack(element)) return ''
  const index = counter.buttons++
  return el('div', { class: 'card-button' },
    el('button', { type: 'button', class: element.type === 'primary' ? 'primary' : null, text: element.text?.content ?? '', click: () => press(index, element.confirm) }),
    el('small', { text: as }))
}

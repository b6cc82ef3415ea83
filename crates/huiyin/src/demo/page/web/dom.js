// The few DOM helpers of the page. Text only ever goes in as text: nothing here parses markup.

/** An element: `text` becomes its text, functions become listeners, the rest attributes. */
export function el (tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (name === 'text') node.textContent = value
    else if (typeof value === 'function') node.addEventListener(name, value)
    else node.setAttribute(name, value === true ? '' : value)
  }
  node.append(...children)
  return node
}

export function byId (id) {
  return document.getElementById(id)
}

/** Sets a text only where it differs, so that selections survive. Says whether it did. */
export function setText (node, text) {
  if (node.textContent === text) return false
  node.textContent = text
  return true
}

/** Sets or removes an attribute only where it differs. */
export function setAttribute (node, name, value) {
  if (value === undefined || value === null || value === false) node.removeAttribute(name)
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value)
}

/**
 * Makes the children of `parent` those of `items`, by key. Nodes that stay are neither made anew nor moved, so that
 * what is in them keeps focus, selection and scroll position.
 */
export function keyed (parent, items, { key, create, update = () => {} }) {
  const wanted = new Set(items.map(item => key(item)))
  const known = new Map()
  for (const node of [...parent.children]) {
    if (wanted.has(node.dataset.key)) known.set(node.dataset.key, node)
    else node.remove()
  }
  let place = parent.firstElementChild
  for (const item of items) {
    let node = known.get(key(item))
    if (!node) {
      node = create(item)
      node.dataset.key = key(item)
    }
    if (node === place) place = place.nextElementSibling
    else parent.insertBefore(node, place)
    update(node, item)
  }
}

/** How near the end still counts as being there, in pixels. */
const NEAR_END = 48

/** Renders, and stays at the end of a scroller that was there: somebody who scrolled up is not pulled down. */
export function keepEnd (scroller, render) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END
  render()
  if (atEnd) scroller.scrollTop = scroller.scrollHeight
}

/** Restarts the flash of something that has changed. */
export function flash (node) {
  node.classList.remove('flash')
  // Reading the layout makes the browser notice that the class was gone.
  node.getBoundingClientRect()
  node.classList.add('flash')
}

/** Arrow keys between the tabs of a tab list, as readers of screens expect. */
export function arrowKeys (list) {
  list.addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    const tabs = [...list.querySelectorAll('[role=tab]')]
    const at = tabs.indexOf(document.activeElement)
    if (!step || at < 0) return
    event.preventDefault()
    const next = tabs[(at + step + tabs.length) % tabs.length]
    next.focus()
    next.click()
  })
}

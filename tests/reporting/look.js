// What is rendered, as a person would see it; the body of a function.
const round = (number) => Math.round(number * 100) / 100;
const boxOf = (element) => {
  const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
  return { left, top, right, bottom, width, height };
};
const isShown = (element) => {
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  // What only a screen reader is to find is a pixel wide.
  return style.visibility === 'visible' && style.clipPath === 'none' && box.width > 1 && box.height > 1
    && !element.closest('thead') || (element.closest('thead') && element.closest('thead').getBoundingClientRect().width > 1);
};

const colour = (text) => {
  const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
};
const luminance = ({ red, green, blue }) => {
  const [r, g, b] = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found.alpha === 1) return found;
  }
  return { red: 255, green: 255, blue: 255 };
};
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const contrast = (one, other) => {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};

const texts = [...document.body.querySelectorAll('*')].filter((element) =>
  !['TITLE', 'DESC'].includes(element.tagName.toUpperCase())
  && [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim())
  && isShown(element));

const plots = [...document.querySelectorAll('svg.plot')].map((svg) => {
  const words = [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent, ...boxOf(text) }));
  const overlaps = [];
  words.forEach((one, at) => words.slice(at + 1).forEach((other) => {
    const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    // The boxes of texts reach over their letters by some pixels, above and below.
    if (width > 1 && height > 4) overlaps.push(`${one.text} | ${other.text}`);
  }));
  const outer = boxOf(svg);
  const cut = words.filter((word) => word.left < outer.left - 1 || word.right > outer.right + 1
    || word.top < outer.top - 1 || word.bottom > outer.bottom + 1).map((word) => word.text);
  const marks = [...svg.querySelectorAll('.line, .bar, .dot')].map((mark) => mark.getBBox());
  return {
    title: svg.querySelector('title').textContent,
    described: svg.querySelector('desc').textContent.length,
    role: svg.getAttribute('role'),
    width: round(outer.width),
    height: round(outer.height),
    marks: marks.length,
    drawn: marks.some((mark) => mark.width + mark.height > 0),
    sizes: words.map((word) => round(word.height)),
    overlaps,
    cut,
  };
});

// Names that end a line elsewhere than where a word of them ends.
const shredded = [...document.querySelectorAll('tbody th > div, h3, .chip')].filter((element) => {
  const range = document.createRange();
  range.selectNodeContents(element.firstElementChild?.tagName === 'A' ? element.firstElementChild : element);
  const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
  const joints = element.querySelectorAll('wbr').length + element.textContent.split(/\s+/).length;
  return lines.size > joints;
}).map((element) => element.outerHTML.slice(0, 120));

const page = document.documentElement;
const verdict = document.querySelector('.verdict');
return {
  width: [page.scrollWidth, page.clientWidth],
  beyond: [...document.body.querySelectorAll('*')].filter((element) => {
    const box = element.getBoundingClientRect();
    return isShown(element) && (box.right > page.clientWidth + 1 || box.left < -1);
  }).map((element) => element.outerHTML.slice(0, 120)),
  // A box whose text does not fit into it.
  spilling: texts.filter((element) => !element.closest('svg') && element.clientWidth
    && element.scrollWidth > element.clientWidth + 1).map((element) => element.outerHTML.slice(0, 120)),
  pale: texts.map((element) => {
    const style = getComputedStyle(element);
    const own = colour(element.closest('svg') ? style.fill : style.color);
    return [round(contrast(own, ground(element))), element.outerHTML.slice(0, 120)];
  }).filter(([ratio]) => ratio < 4.5),
  lines: [...document.querySelectorAll('.plot .line')].map((line) =>
    round(contrast(colour(getComputedStyle(line).stroke), ground(line)))),
  small: [...new Set(texts.map((element) => parseFloat(getComputedStyle(element).fontSize)))].filter((size) => size < 10),
  plots,
  shredded,
  verdict: { text: verdict.innerText, ...boxOf(verdict) },
  ground: luminance(ground(document.body)),
  foreign: [...document.querySelectorAll('script, img, iframe, object, embed, form, [onerror], [onclick], [src]')].length,
  said: document.body.textContent,
  title: document.title,
};

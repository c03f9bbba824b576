// Looks at pages with real Chromium and tells what it found, as JSON.
//   node look.cjs '{"chromium": PATH, "profile": DIR, "shots": DIR or null, "pages": [{"url", "width", "dark", "axe", "shot"}]}'
const { chromium } = require('playwright-core')

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']

async function look (browser, asked, shots) {
  const context = await browser.newContext({
    viewport: { width: asked.width, height: 900 },
    colorScheme: asked.dark ? 'dark' : 'light',
    bypassCSP: Boolean(asked.axe) // axe is a script, which the policy would block; pages without it are held to it
  })
  const page = await context.newPage()
  const complaints = []
  page.on('console', message => { if (message.type() !== 'log') complaints.push(message.text()) })
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('requestfailed', request => complaints.push(`${request.url()}: ${request.failure().errorText}`))
  const began = Date.now()
  await page.goto(asked.url, { waitUntil: 'load' })
  await page.screenshot() // returns when it is painted
  const painted = Date.now() - began
  const found = await page.evaluate(() => ({
    text: document.body.innerText,
    styled: getComputedStyle(document.querySelector('header, h1')).paddingLeft !== '0px',
    ground: getComputedStyle(document.body).backgroundColor,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    cut: [...document.querySelectorAll('th, td, h1, h2, p, li')].filter(one => {
      const box = one.getBoundingClientRect()
      return one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline' ||
        box.right > document.documentElement.clientWidth
    }).map(one => one.innerText),
    pictures: [...document.images].map(one => [one.currentSrc.split('/').pop(), one.complete && one.naturalWidth > 0]),
    scripts: document.scripts.length
  }))
  if (asked.axe) {
    await page.addScriptTag({ path: require.resolve('axe-core/axe.min.js') })
    const results = await page.evaluate(() => window.axe.run())
    found.violations = results.violations.map(one => `${one.impact}: ${one.id}: ${one.nodes[0].html.slice(0, 200)}`)
  }
  if (shots && asked.shot) await page.screenshot({ path: `${shots}/${asked.shot}.png`, fullPage: true })
  await context.close()
  return { ...found, complaints, painted }
}

async function main () {
  const asked = JSON.parse(process.argv[2])
  const browser = await chromium.launch({ executablePath: asked.chromium, args: FLAGS })
  const found = []
  for (const page of asked.pages) found.push(await look(browser, page, asked.shots))
  await browser.close()
  process.stdout.write(JSON.stringify(found))
}

main()

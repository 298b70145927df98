// Makes the one file that a shop's page loads: node build.mjs FILE

import { readFile } from "node:fs/promises";
import { build, transform } from "esbuild";

const [outfile] = process.argv.slice(2);
const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));

/** Styles are texts in the script: they become constructed style sheets, which no policy of the page forbids. */
const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

await build({
  entryPoints: [new URL("src/main.js", import.meta.url).pathname],
  outfile,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  banner: { js: `/*! Lamplight's widget ${version}, MIT licence */` },
  plugins: [styles],
});

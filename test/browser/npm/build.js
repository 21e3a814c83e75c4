// Bundles the AJ front end: aj.js and aj.css in the folder that is given.
"use strict";

const { readFileSync } = require("fs");
const esbuild = require("esbuild");
const less = require("less");

const styles = { name: "less", setup(build) {
  build.onLoad({ filter: /\.less$/ }, async ({ path }) => ({ loader: "css", contents: (await less.render(readFileSync(path, "utf8"), { filename: path })).css }));
} };

esbuild.build({ entryPoints: ["aj.js"], outdir: process.argv[2], bundle: true, define: { "process.env.NODE_ENV": '"production"' }, loader: { ".png": "dataurl" }, plugins: [styles], logLevel: "error" })
  .catch(() => process.exit(1));

#!/usr/bin/env bash
# Speaks what calls say with Debian's espeak-ng and keeps it in the tree, as WAV
# files of 8 kHz A-law (internal/provider/sip/speech/prompts). Run it after a
# change of the words below; the results are committed. With a folder as its
# argument it writes there instead.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-internal/provider/sip/speech/prompts}
spoken=$(mktemp -d)
trap 'rm -r "$spoken"' EXIT
go build -o "$spoken/makeprompts" ./internal/provider/sip/speech/makeprompts
mkdir -p "$out"

# say VOICE SPEED NAME WORDS
say() {
  espeak-ng -v "$1" -s "$2" -p 45 -w "$spoken/$3.wav" "$4"
  "$spoken/makeprompts" "$spoken/$3.wav" "$out/$3.wav"
}

# Pinyin: espeak-ng reads most characters as English syllables.
zh=(ling2 yi1 er4 san1 si4 wu3 liu4 qi1 ba1 jiu3)
en=(zero one two three four five six seven eight nine)
for digit in 0 1 2 3 4 5 6 7 8 9; do
  say cmn-latn-pinyin 130 "zh-$digit" "${zh[$digit]}"
  say en-us 130 "en-$digit" "${en[$digit]}"
done
say cmn-latn-pinyin 150 zh-code "nin2 de5 yan4 zheng4 ma3 shi4"       # 您的验证码是
say cmn-latn-pinyin 150 zh-again "chong2 ting1 qing3 an4 ren4 yi4 jian4" # 重听请按任意键
say en-us 150 en-code "Your code is"
say en-us 150 en-again "To hear it again, press any key."

// Command makeprompts makes what calls say out of what espeak-ng spoke:
// scripts/prompts.sh calls it for each prompt. It takes a WAV file (mono, 16
// bits, any rate), brings it to 8 kHz, cuts the silence around the speech,
// evens the loudness, and writes a WAV file in A-law.
//
//	makeprompts IN.wav OUT.wav
package main

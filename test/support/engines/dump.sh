# A good engine: writes files of the word that it is given, says how far it is, and its proof at the end.
output=$1 word=${2:-word}
mkdir -p "$output/below"
for name in one two below/three; do
  echo "$word" >"$output/$name"
  echo "{\"bytesDone\": 6, \"filesDone\": 1}"
done
ln -s one "$output/link"
: >"$output/DONE"

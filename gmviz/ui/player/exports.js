// What a visitor takes away: a picture, a film, a link.

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** A file name from words: "separation D = 8.0" -> "separation-D-8.0". */
export function fileName(words, ending) {
  return `${words.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^-|-$/g, "") || "picture"}.${ending}`;
}

/** The address that opens this page with `fields` and the play-head at `at`. */
export function linkTo(address, fields, at) {
  const query = new URLSearchParams(fields);
  query.set("at", at);
  return `${address}?${query}`;
}

export function savePicture(canvas, name) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (!blob) return reject(new Error("this browser could not make the picture"));
      download(blob, name);
      return resolve();
    }, "image/png");
  });
}

/** Records a canvas until stop(); the film is saved under `name`, unless it was abandoned. */
export class Film {
  constructor(canvas, name) {
    if (!canvas.captureStream || !window.MediaRecorder) throw new Error("this browser cannot record films");
    const type = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"].find((each) => MediaRecorder.isTypeSupported(each));
    if (!type) throw new Error("this browser cannot record WebM");
    this.parts = [];
    this.stream = canvas.captureStream(60);
    this.recorder = new MediaRecorder(this.stream, { mimeType: type, videoBitsPerSecond: 8e6 });
    this.recorder.ondataavailable = (event) => event.data.size && this.parts.push(event.data);
    this.done = new Promise((resolve) => {
      this.recorder.onstop = () => {
        this.stream.getTracks().forEach((track) => track.stop());
        if (!this.abandoned && this.parts.length) download(new Blob(this.parts, { type: "video/webm" }), name);
        resolve();
      };
    });
    this.recorder.start(250);
  }

  stop(abandoned = false) {
    this.abandoned = abandoned;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    return this.done;
  }
}

/** Put `text` on the clipboard; false if the browser does not allow it. */
export async function copyText(text, root) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    root.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

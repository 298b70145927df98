// A photo's file before it is sent: upright, and no larger than a search needs.

const LONG_SIDE = 1600; // Pixels: several times what any network looks at, so that a part of the photo is still sharp.
const SMALL = 250_000; // Bytes that are sent in no time.

/** The photo, upright and scaled down to LONG_SIDE. It is unchanged if it is small or the browser cannot read it. */
export async function fitted(photo) {
  if (photo.size <= SMALL) return photo;
  try {
    const bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
    const scale = LONG_SIDE / Math.max(bitmap.width, bitmap.height);
    if (scale >= 1) return photo;
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "white"; // A JPEG has no transparency.
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
    return new File([blob], photo.name, { type: blob.type });
  } catch {
    return photo;
  }
}

export const megabytes = ({ size }) => Math.ceil(size / 1_000_000);

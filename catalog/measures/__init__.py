"""What texts say of sizes and weights: "46 x 55 x 86 cm" becomes width, depth and height."""

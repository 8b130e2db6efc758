// All that is left of the old service. REELBUS_URL (or PYTHON_API_URL, as before) says where the videos come from.
export * from "reelbus/videoGenerationService.js";

using System.Text;

namespace DistributedSockets.Fuzzing;

/// <summary>Inputs kept in the repository, in <c>Fuzzing/Corpus</c> of the test project that copies them to its output.</summary>
/// <remarks>
/// A file <c>.hex</c> holds hexadecimal digits with comments behind <c>;</c>, a file <c>.txt</c> one input per line, in UTF-8.
/// An input that once failed is added as a file, and then runs as it is before any that chance makes of it.
/// </remarks>
public static class Corpus
{
    /// <summary>Reads the inputs of a folder, ordered by the name of the file.</summary>
    /// <param name="folder">The folder's name.</param>
    public static byte[][] Load(string folder)
    {
        var files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Fuzzing", "Corpus", folder));
        Array.Sort(files, StringComparer.Ordinal);
        var inputs = files.SelectMany(static file => Path.GetExtension(file) == ".hex" ? [ReadHex(file)] : ReadLines(file)).ToArray();
        Assert.NotEmpty(inputs);
        return inputs;
    }

    private static byte[] ReadHex(string file)
    {
        var digits = new StringBuilder();
        foreach (var line in File.ReadLines(file))
        {
            digits.Append(line.Split(';')[0]).Replace(" ", "");
        }

        return Convert.FromHexString(digits.ToString());
    }

    private static IEnumerable<byte[]> ReadLines(string file) => File.ReadLines(file).Select(Encoding.UTF8.GetBytes);
}

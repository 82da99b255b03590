using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>An authorized request about one hub.</summary>
/// <param name="Context">The request and its answer.</param>
/// <param name="Target">The target as it came.</param>
/// <param name="Origin">The scheme and host by which the caller knows this app.</param>
/// <param name="Hub">The hub, in lower case.</param>
/// <param name="Router">The router of the hub.</param>
/// <param name="Directory">Who is connected.</param>
internal sealed record RestCall(HttpContext Context, RawTarget Target, string Origin, string Hub, IWebSocketRouter Router, ISessionDirectory Directory)
{
    internal CancellationToken Cancellation => Context.RequestAborted;

    /// <summary>A parameter of the query; null if it is missing or empty.</summary>
    internal string? Value(string parameter) => Context.Request.Query[parameter] is [{ Length: > 0 } value, ..] ? value : null;

    /// <summary>All values of a parameter that may be repeated.</summary>
    internal List<string> Values(string parameter) => [.. Context.Request.Query[parameter].OfType<string>().Where(static value => value.Length > 0)];

    /// <summary>A whole number of the query.</summary>
    /// <exception cref="RestException">It is none, or out of range.</exception>
    internal int? Number(string parameter, int min, int max) =>
        Value(parameter) is not { } value ? null
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max ? number
        : throw RestException.BadRequest(string.Create(CultureInfo.InvariantCulture, $"The parameter {parameter} is no whole number from {min} to {max}."), parameter);

    /// <summary>The filter of the query, checked.</summary>
    /// <exception cref="RestException">It is no filter.</exception>
    internal string? Filter()
    {
        if (Value("filter") is { } filter)
        {
            RestNames.ParseFilter(filter);
            return filter;
        }

        return null;
    }

    internal void Answer(int status) => Context.Response.StatusCode = status;
}

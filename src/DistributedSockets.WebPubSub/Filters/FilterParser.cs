namespace DistributedSockets.WebPubSub;

/// <summary>Reads a filter: the operators of OData that the service documents, in their order of precedence. Bounded in depth and clauses, whatever it is given.</summary>
internal ref struct FilterParser
{
    /// <summary>How many comparisons and conditions a filter may have.</summary>
    internal const int MaxClauses = 100;

    /// <summary>How deep parentheses, functions and negations may be nested.</summary>
    internal const int MaxDepth = 50;

    private FilterTokenizer _tokenizer;
    private FilterToken _token;
    private int _depth;
    private int _clauses;

    private FilterParser(ReadOnlySpan<char> text) => _tokenizer = new(text);

    /// <summary>Reads a filter.</summary>
    /// <exception cref="FormatException">It is none, is not a boolean expression, or is too deep or long. The message says where and why.</exception>
    internal static FilterNode Parse(ReadOnlySpan<char> text)
    {
        var parser = new FilterParser(text);
        parser.Move();
        var filter = parser.ReadOr();
        if (parser._token.Kind != FilterTokenKind.End)
        {
            throw new FormatException($"The filter goes on at {parser._token.At} where it should end. Combine conditions with 'and' or 'or'.");
        }

        return filter.Type == FilterType.Boolean ? filter : throw new FormatException("The filter is not a condition, which is true or false, such as userId eq 'anna'.");
    }

    private void Move() => _token = _tokenizer.Next();

    private FilterNode ReadOr()
    {
        var left = ReadAnd();
        while (_token.IsWord("or"))
        {
            left = ReadRight(LogicalOperator.Or, left);
        }

        return left;
    }

    private FilterNode ReadAnd()
    {
        var left = ReadComparison();
        while (_token.IsWord("and"))
        {
            left = ReadRight(LogicalOperator.And, left);
        }

        return left;
    }

    private LogicalNode ReadRight(LogicalOperator op, FilterNode left)
    {
        var at = _token.At;
        Move();
        var right = op == LogicalOperator.Or ? ReadAnd() : ReadComparison();
        return left.Type == FilterType.Boolean && right.Type == FilterType.Boolean
            ? new(op, left, right)
            : throw new FormatException($"'{(op == LogicalOperator.Or ? "or" : "and")}' at {at} of the filter combines something that is not a condition.");
    }

    private FilterNode ReadComparison()
    {
        if (_token.Kind != FilterTokenKind.Open && !_token.IsWord("not")) // what is within counts itself
        {
            CountClause();
        }

        var left = ReadUnary();
        while (true)
        {
            var at = _token.At;
            if (_token.IsWord("in"))
            {
                Move();
                left = ReadIn(left, at);
            }
            else if (Operator(_token) is { } op)
            {
                Move();
                var right = ReadUnary();
                left = CanBeCompared(op, left.Type, right.Type)
                    ? new ComparisonNode(op, left, right)
                    : throw new FormatException($"The comparison at {at} of the filter is between values that cannot be compared.");
            }
            else
            {
                return left;
            }

            if (_token.Kind == FilterTokenKind.Word && (_token.IsWord("in") || Operator(_token) is not null))
            {
                CountClause();
            }
        }
    }

    private FilterNode ReadIn(FilterNode value, int at)
    {
        if (_token.Kind != FilterTokenKind.Open)
        {
            return ReadUnary().Type == FilterType.Groups && value.Type is FilterType.String or FilterType.Null
                ? new InGroupsNode(value)
                : throw new FormatException($"'in' at {at} of the filter needs a list in parentheses, or a string before it and 'groups' behind it.");
        }

        List<FilterNode> list = [];
        do
        {
            Move();
            var entry = ReadUnary();
            if (!CanBeCompared(ComparisonOperator.Equal, value.Type, entry.Type))
            {
                throw new FormatException($"The list of 'in' at {at} of the filter has a value of another type than what is looked for.");
            }

            list.Add(entry);
        }
        while (_token.Kind == FilterTokenKind.Comma);
        ReadClose();
        return new InNode(value, [.. list]);
    }

    private FilterNode ReadUnary()
    {
        if (!_token.IsWord("not"))
        {
            return ReadPrimary();
        }

        var at = _token.At;
        Enter();
        Move();
        var operand = ReadUnary();
        _depth--;
        return operand.Type == FilterType.Boolean
            ? new LogicalNode(LogicalOperator.Not, operand, null)
            : throw new FormatException($"'not' at {at} of the filter stands before something that is not a condition. Put a comparison in parentheses.");
    }

    private FilterNode ReadPrimary()
    {
        var token = _token;
        switch (token.Kind)
        {
            case FilterTokenKind.Open:
                Enter();
                Move();
                var inner = ReadOr();
                ReadClose();
                _depth--;
                return inner;
            case FilterTokenKind.String:
                Move();
                return new LiteralNode(token.Text);
            case FilterTokenKind.Integer:
                Move();
                return new LiteralNode(token.Number);
            case FilterTokenKind.Word:
                Move();
                return ReadWord(token);
            default:
                throw new FormatException($"The filter lacks a value at {token.At}.");
        }
    }

    private FilterNode ReadWord(in FilterToken word)
    {
        if (_token.Kind == FilterTokenKind.Open && FilterFunction.All.TryGetValue(word.Text, out var function))
        {
            return ReadCall(function, word);
        }

        return word.IsWord("userId") ? OperandNode.UserId
            : word.IsWord("connectionId") ? OperandNode.ConnectionId
            : word.IsWord("groups") ? OperandNode.Groups
            : word.IsWord("true") ? new LiteralNode(true)
            : word.IsWord("false") ? new LiteralNode(false)
            : word.IsWord("null") ? new LiteralNode(FilterValue.Null)
            : throw new FormatException($"The filter has an unknown word at {word.At}. It may use userId, connectionId, groups, true, false, null and the functions {string.Join(", ", FilterFunction.All.Keys.Order(StringComparer.Ordinal))}.");
    }

    private FilterNode ReadCall(FilterFunction function, in FilterToken name)
    {
        Enter();
        List<FilterNode> arguments = [];
        do
        {
            Move();
            arguments.Add(ReadUnary());
        }
        while (_token.Kind == FilterTokenKind.Comma && arguments.Count < function.Parameters.Length);
        ReadClose();
        _depth--;
        if (arguments is [{ Type: FilterType.Groups }] && name.IsWord("length"))
        {
            return new GroupCountNode();
        }

        var fits = arguments.Count >= function.Required;
        for (var i = 0; i < arguments.Count; i++)
        {
            fits &= arguments[i].Type == function.Parameters[i] || arguments[i].Type == FilterType.Null;
        }

        return fits ? new FunctionNode(function, [.. arguments])
            : throw new FormatException($"The function at {name.At} of the filter is called with too few arguments, or with one of another type.");
    }

    private void ReadClose()
    {
        if (_token.Kind != FilterTokenKind.Close)
        {
            throw new FormatException($"The filter lacks a closing parenthesis at {_token.At}.");
        }

        Move();
    }

    private void Enter()
    {
        if (++_depth > MaxDepth)
        {
            throw new FormatException($"The filter is nested more than {MaxDepth} deep at {_token.At}.");
        }
    }

    private void CountClause()
    {
        if (++_clauses > MaxClauses)
        {
            throw new FormatException($"The filter has more than {MaxClauses} conditions. To leave out many connections, put them into a group.");
        }
    }

    private static bool CanBeCompared(ComparisonOperator op, FilterType left, FilterType right) =>
        left != FilterType.Groups && right != FilterType.Groups
        && (left == right || left == FilterType.Null || right == FilterType.Null)
        && (op is ComparisonOperator.Equal or ComparisonOperator.NotEqual || (left != FilterType.Boolean && right != FilterType.Boolean));

    private static ComparisonOperator? Operator(in FilterToken token) =>
        token.IsWord("eq") ? ComparisonOperator.Equal
        : token.IsWord("ne") ? ComparisonOperator.NotEqual
        : token.IsWord("lt") ? ComparisonOperator.Less
        : token.IsWord("le") ? ComparisonOperator.LessOrEqual
        : token.IsWord("gt") ? ComparisonOperator.Greater
        : token.IsWord("ge") ? ComparisonOperator.GreaterOrEqual
        : null;
}
